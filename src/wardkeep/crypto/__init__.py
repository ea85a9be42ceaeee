"""Cryptographic primitives and key custody: the only package (besides the offline verifier) that knows `cryptography`.

45 CFR 164.312(a)(2)(iv) and (e)(2)(ii). Keys hang in a chain: root -> tenant -> epoch -> record. This package stores
nothing: callers keep the serialisable records it returns, except for the key and certificate files it is asked to make.
"""
