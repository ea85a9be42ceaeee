"""How a person signs in: password with a second factor, passkeys, recovery codes (45 CFR 164.312(d)).

Kept by the keeper alone: workers are never sent these records. The password is an Argon2id string, the TOTP secret is
sealed, recovery codes are HMACs; a passkey is a public key.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One registered authenticator. `transports` are hints for browsers."""

    id: bytes
    public_key: bytes = field(repr=False)
    name: str
    added_at: datetime
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """All that a person can sign in with. A password counts only beside a second factor.

    `handle` is the random id that authenticators keep; it says nothing about the person.
    """

    id: str
    handle: bytes
    password: str | None = field(default=None, repr=False)
    totp: bytes | None = field(default=None, repr=False)
    recovery: tuple[bytes, ...] = field(default=(), repr=False)
    passkeys: tuple[Passkey, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it can open a session at all."""
        return bool(self.passkeys) or (self.password is not None and self.totp is not None)
