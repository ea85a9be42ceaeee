"""Time-based codes, each accepted once (RFC 6238 section 5.2) and one step to either side of now.

The owner of the last accepted step is the keeper: it is durable before the session that the code opens.
"""

import base64
from typing import Final
from urllib.parse import quote

from wardkeep.crypto.mac import is_equal
from wardkeep.crypto.otp import hotp, step_at

SECRET_BYTES: Final = 20
_DRIFT_STEPS: Final = 1


def accepted_step(secret: bytes, code: str, *, unix_seconds: float, last_step: int) -> int | None:
    """Return the step of a right code that is newer than `last_step`, else None. All candidates are computed."""
    now = step_at(unix_seconds)
    found = None
    for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):
        is_right = is_equal(hotp(secret, step).encode(), code.encode())
        if is_right and step > last_step:
            found = step
    return found


def shown_secret(secret: bytes) -> str:
    """Return the secret as people type it: base 32 in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def provisioning_uri(secret: bytes, *, person: str, organisation: str) -> str:
    """Return the otpauth URI that authenticator programs take."""
    label = quote(f"{organisation}:{person}", safe="")
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{label}?secret={text}&issuer={quote(organisation, safe='')}&digits=6&period=30"
