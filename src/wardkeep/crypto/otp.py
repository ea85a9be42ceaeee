"""One-time codes by time: TOTP (RFC 6238) over HOTP (RFC 4226), with SHA-1: authenticator programs know no other.

SHA-1's collisions do not touch HMAC. Whether a code may still be used is `identity.totp`'s to say.
"""

import hmac
from typing import Final

STEP_SECONDS: Final = 30
DIGITS: Final = 6


def hotp(secret: bytes, counter: int) -> str:
    """Return the code of a counter (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(unix_seconds: float) -> int:
    """Return the time step of a moment (RFC 6238 section 4.2)."""
    return int(unix_seconds) // STEP_SECONDS
