"""May they: role, purpose of use, route, subject, training. Pure decisions (45 CFR 164.308(a)(4), 164.502(b))."""
