"""Where a call may go: agreements, scopes, regions, features. Pure decisions over values (45 CFR 164.308(b))."""
