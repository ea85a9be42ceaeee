"""Client certificates as values: whose key a connection may show (45 CFR 164.312(d), RFC 8446 section 4.4.2).

A certificate proves possession of one private key. Whose it is says the record here and nothing else: no name in a
certificate is believed, so that an authority that issues for many does not thereby say who may act.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HolderKind(StrEnum):
    """What a certificate may be bound to."""

    APPLICATION = "application"
    PERSON = "person"
    SCIM = "scim"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """One key, bound to one holder. `id` is the SHA-256 of its SubjectPublicKeyInfo in hex (RFC 7469 section 2.4).

    `holder` is `application:ID`, `person:ID` or `scim:ID`. `is_ours` tells that the local authority issued it. A
    revoked one stays, so that it is refused by its own reason and never bound again.
    """

    id: str
    holder: str
    not_after: datetime
    made_by: str
    is_ours: bool = False
    is_revoked: bool = False


def holder_name(kind: HolderKind, identifier: str) -> str:
    """Return how a record names its holder."""
    return f"{kind.value}:{identifier}"
