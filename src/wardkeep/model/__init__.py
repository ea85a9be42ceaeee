"""The domain's values: what a call, a fact, a decision and a proof are.

Frozen values only. Nothing here reads a clock, file, network, database or environment; time, randomness and facts
come in as arguments. Every other package may import this one; it imports none of them.
"""
