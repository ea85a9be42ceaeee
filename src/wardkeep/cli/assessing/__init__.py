"""The checks of `wardkeep self-assess`, one file an area (45 CFR 164.308(a)(8)).

Each takes the ground it stands on and returns what it found. What could not look says so: inconclusive is never a pass.
"""
