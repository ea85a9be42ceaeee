"""Verifiers of confidential-computing evidence, offline and pure: bytes, a rule and a challenge; a proof or a refusal.

`evidence.verify` is the only way in; `nitro`, `snp` and `tdx` each read one kind. Nothing here fetches anything, and
nothing reads a clock.
"""
