"""Attested upstreams: what evidence must show before PHI goes to a deployment, and what it has shown.

A rule is the allow-list of one deployment, recorded by one person and activated by another. A proof is what one piece
of evidence showed, for one TLS key, at one time. Evidence speaks of the processor and what was started on it; none
that is read here speaks of a GPU (`COVERS`), of who administers the host, or of what the program does.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

COVERS: Final = "CPU only"
"""What every proof is labelled with: a claim about a GPU needs evidence of its own, bound to the same nonce."""


class AttestationKind(StrEnum):
    """The confidential computing whose evidence is understood."""

    NITRO = "nitro"
    SNP = "snp"
    TDX = "tdx"


REGISTERS: Final = {
    AttestationKind.NITRO: frozenset({"PCR0", "PCR1", "PCR2"}),
    AttestationKind.SNP: frozenset({"MEASUREMENT"}),
    AttestationKind.TDX: frozenset({"MRTD", "RTMR0", "RTMR1", "RTMR2"}),
}
"""What every entry of an allow-list names: less would leave part of what was started unmeasured."""

MORE_REGISTERS: Final = {
    AttestationKind.NITRO: frozenset(f"PCR{number}" for number in (3, 4, 8)),
    AttestationKind.SNP: frozenset({"HOST_DATA", "ID_KEY_DIGEST", "AUTHOR_KEY_DIGEST"}),
    AttestationKind.TDX: frozenset({"RTMR3", "MRCONFIGID", "MROWNER", "MROWNERCONFIG", "MRSEAM"}),
}
"""What an entry may name besides."""

TCB_PARTS: Final = {
    AttestationKind.NITRO: frozenset[str](),
    AttestationKind.SNP: frozenset({"boot_loader", "tee", "snp", "microcode", "fmc"}),
    AttestationKind.TDX: frozenset[str](),
}
"""The version numbers that a rule may set a floor for. TDX has Intel's own judgement, which must be `UpToDate`."""

TCB_NEEDED: Final = frozenset({"boot_loader", "tee", "snp", "microcode"})
"""The floors that a rule for SEV-SNP states, each: a version nobody thought of is no floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationRule:
    """What evidence of one deployment must show. Opens nothing before `activated_by` or after `withdrawn_by`.

    `anchors` are the roots (DER) that a chain must end in. Evidence must match one of `measurements` in every register
    that it names. `allows_milan` accepts a processor generation whose root is claimed to be extractable.
    `added_under` is as in `Agreement`.
    """

    id: str
    deployment: str
    kind: AttestationKind
    anchors: tuple[bytes, ...]
    measurements: tuple[dict[str, str], ...]
    tcb_floor: dict[str, int] = field(default_factory=dict)
    allows_milan: bool = False
    added_by: str = ""
    added_under: frozenset[str] = frozenset()
    activated_by: str | None = None
    withdrawn_by: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it opens anything."""
        return self.activated_by is not None and self.withdrawn_by is None


class Check(StrEnum):
    """What evidence did not pass. The values are shown to callers and stand in the ledger; never renamed."""

    FORMAT = "format"
    KIND = "kind"
    CHAIN = "chain"
    VALIDITY = "validity"
    SIGNATURE = "signature"
    NONCE = "nonce"
    PEER_KEY = "peer_key"
    DEBUG = "debug"
    POLICY = "policy"
    PRODUCT = "product"
    TCB = "tcb"
    MEASUREMENT = "measurement"
    VERIFIER = "verifier_missing"
    UNAVAILABLE = "unavailable"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What evidence must answer: our nonce and the SHA-256 of the live TLS key's SubjectPublicKeyInfo, at our time."""

    nonce: bytes
    peer_key: bytes
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of evidence as it came. `endorsement` is the VCEK certificate (DER) of SEV-SNP, or TDX collateral."""

    kind: AttestationKind
    document: bytes
    endorsement: bytes = b""
    intermediates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What verified evidence says: its registers as hex, its version, and when the shortest of its validities ends."""

    registers: dict[str, str]
    tcb: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one connection's key was proven to be. `measurement` is the SHA-256 of the allow-list entry it matched."""

    rule: AttestationRule
    peer_key: bytes
    measurement: str
    tcb: str
    at: datetime
    ends_at: datetime

    @property
    def told(self) -> dict[str, str | int | bool]:
        """What a call's entry says of it: no more than can be shown again from the evidence."""
        return {
            "attested": f"{self.rule.kind.value}, {COVERS}",
            "attested_at": self.at.isoformat(timespec="seconds"),
            "attested_rule": self.rule.id,
            "measurement": self.measurement,
            "tcb": self.tcb,
            "peer_key": self.peer_key.hex(),
        }
