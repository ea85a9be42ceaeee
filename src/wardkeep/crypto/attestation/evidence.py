"""Evidence against one rule and one challenge: the only way in to the verifiers.

1. the evidence is of the kind that the rule asks for
2. its verifier: chain, validity, signature, nonce, key, no debugging, version
3. every register that one entry of the allow-list names has the value it names

Whatever is missing, unknown or unreadable refuses.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from wardkeep.crypto.attestation import nitro, snp, tdx
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import (
    REGISTERS,
    AttestationKind,
    AttestationRule,
    Challenge,
    Check,
    Evidence,
    Proof,
    Shown,
)

NONCE_BYTES: Final = 32
LONGEST: Final = timedelta(hours=1)
"""How long a proof is good for at most: what was started may be exchanged later under the same key only inside."""

_VERIFIERS: Final = MappingProxyType[AttestationKind, Callable[[Evidence, AttestationRule, Challenge], Shown]](
    {AttestationKind.NITRO: nitro.verify, AttestationKind.SNP: snp.verify, AttestationKind.TDX: tdx.verify}
)


def verify(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> Proof:
    """Return the proof that a TLS key belongs to what the rule allows. Raises EvidenceRefused."""
    if len(challenge.nonce) != NONCE_BYTES or len(challenge.peer_key) != hashlib.sha256().digest_size:
        raise EvidenceRefused(Check.FORMAT)
    if not rule.holds:
        raise EvidenceRefused(Check.RULE)
    if evidence.kind is not rule.kind:  # 1
        raise EvidenceRefused(Check.KIND)
    shown = _VERIFIERS[rule.kind](evidence, rule, challenge)  # 2
    for allowed in rule.measurements:  # 3
        if allowed.keys() >= REGISTERS[rule.kind] and all(shown.registers.get(n) == v for n, v in allowed.items()):
            return Proof(
                rule=rule,
                peer_key=challenge.peer_key,
                measurement=measurement_hash(allowed),
                tcb=shown.tcb,
                at=challenge.now,
                ends_at=min(shown.ends_at, challenge.now + LONGEST),
            )
    raise EvidenceRefused(Check.MEASUREMENT)


def measurement_hash(allowed: dict[str, str]) -> str:
    """Return the name of an allow-list entry: the SHA-256 of its lines `REGISTER=hex`, sorted."""
    lines = "".join(f"{name}={value}\n" for name, value in sorted(allowed.items()))
    return hashlib.sha256(lines.encode("ascii")).hexdigest()
