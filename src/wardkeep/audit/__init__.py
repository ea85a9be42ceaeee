"""The ledger: who asked what, when, why and what became of it (45 CFR 164.312(b)), provable and tamper-evident.

`entry` makes leaves, `tree` and `checkpoint` are the log's mathematics, `ledger` writes it, `verify` checks it offline.
"""
