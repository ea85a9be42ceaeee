"""Passwords at rest: Argon2id (RFC 9106) in the PHC string form, so that parameters can be raised later.

A password alone opens nothing here (`identity.sessions`); the hash only has to make a stolen store slow to search.
One derivation takes 46 MiB and some 50 ms on purpose: callers bound how many run at once.
"""

import os
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

_ITERATIONS: Final = 1
_LANES: Final = 1
_MEMORY_KIB: Final = 47_104
_LENGTH: Final = 32

# What a person without a password is compared against, so that their absence takes as long (user enumeration).
NOBODY: Final = "$argon2id$v=19$m=47104,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def hash_password(password: str) -> str:
    """Return the PHC string of a password, with a fresh salt."""
    function = Argon2id(
        salt=os.urandom(16), length=_LENGTH, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return function.derive_phc_encoded(_normal(password))


def is_password(password: str, stored: str) -> bool:
    """Whether it is the password; takes the same time whichever symbols differ."""
    try:
        Argon2id.verify_phc_encoded(_normal(password), stored)
    except InvalidKey:
        return False
    return True


def _normal(password: str) -> bytes:
    """Return what is hashed: the same whichever keyboard composed it (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
