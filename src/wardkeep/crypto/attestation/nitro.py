"""AWS Nitro Enclaves: an attestation document of the Nitro security module, verified offline.

COSE_Sign1 (RFC 9052 section 4.2) with ES384 over a CBOR payload; the chain goes from the document's own certificate to
the root that was given. `nonce` must be ours, `user_data` the SHA-256 of the live TLS key, `public_key`, where there is
one, that key itself. All-zero PCRs are a debug enclave, whose memory its host can read.
Source: AWS, "Verifying the root of trust" and the Nitro Enclaves attestation process specification.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from wardkeep.crypto.attestation import cbor, chain
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import AttestationRule, Challenge, Check, Evidence, Shown

_LARGEST: Final = 32 * 1024
_TAG_SIGN1: Final = b"\xd2"
_PROTECTED: Final = bytes.fromhex("a1013822")  # {1: -35}: ES384 and nothing else
_FIELDS: Final = frozenset(
    {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce"}
)
_MAY_BE_ABSENT: Final = frozenset({"public_key", "user_data", "nonce"})
_NEEDED: Final = _FIELDS - _MAY_BE_ABSENT
_MOST_PCRS: Final = 32
_COORDINATE: Final = 48
_OLDEST: Final = timedelta(minutes=5)
_AHEAD: Final = timedelta(minutes=1)


def verify(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> Shown:
    """Return what the document says. Raises EvidenceRefused."""
    if len(evidence.document) > _LARGEST or evidence.endorsement or evidence.intermediates:
        raise EvidenceRefused(Check.FORMAT)
    payload, signature = _open(evidence.document)
    fields = _fields(payload)
    if fields.get("nonce") != challenge.nonce:
        raise EvidenceRefused(Check.NONCE)
    key = fields.get("public_key")
    is_other = isinstance(key, bytes) and hashlib.sha256(key).digest() != challenge.peer_key
    if fields.get("user_data") != challenge.peer_key or is_other:
        raise EvidenceRefused(Check.PEER_KEY)
    pcrs = _pcrs(fields["pcrs"])
    if not all(any(pcrs[number]) for number in (0, 1, 2)):
        raise EvidenceRefused(Check.DEBUG)
    made_at = _made_at(fields["timestamp"])
    if not challenge.now - _OLDEST <= made_at <= challenge.now + _AHEAD:
        raise EvidenceRefused(Check.VALIDITY)
    leaf = chain.load(_bytes(fields["certificate"]))
    bundle = fields["cabundle"]
    if not isinstance(bundle, list):
        raise EvidenceRefused(Check.FORMAT)
    # The bundle begins at the root.
    above = [chain.load(_bytes(each)) for each in reversed(bundle)]
    ends_at = chain.verify_chain(leaf, above, rule.anchors, challenge.now)
    _check_signature(chain.signing_key(leaf), payload, signature)
    return Shown(registers={f"PCR{number}": value.hex() for number, value in pcrs.items()}, tcb="none", ends_at=ends_at)


def _open(document: bytes) -> tuple[bytes, bytes]:
    """Return payload and signature of a COSE_Sign1, tagged or not, whose headers are exactly the expected ones."""
    parts = cbor.decode(document.removeprefix(_TAG_SIGN1))
    match parts:
        case [protected, dict(unprotected), bytes(payload), bytes(signature)]:
            if protected != _PROTECTED or unprotected or len(signature) != 2 * _COORDINATE:
                raise EvidenceRefused(Check.FORMAT)
            return payload, signature
        case _:
            raise EvidenceRefused(Check.FORMAT)


def _fields(payload: bytes) -> dict[str, cbor.Value]:
    fields = cbor.decode(payload)
    if not isinstance(fields, dict) or not _NEEDED <= fields.keys() <= _FIELDS:
        raise EvidenceRefused(Check.FORMAT)
    if fields["digest"] != "SHA384" or not isinstance(fields["module_id"], str) or not fields["module_id"]:
        raise EvidenceRefused(Check.FORMAT)
    if not all(isinstance(fields.get(name), bytes | None) for name in _MAY_BE_ABSENT):
        raise EvidenceRefused(Check.FORMAT)
    return cast("dict[str, cbor.Value]", fields)


def _pcrs(value: cbor.Value) -> dict[int, bytes]:
    if not isinstance(value, dict) or not 3 <= len(value) <= _MOST_PCRS:
        raise EvidenceRefused(Check.FORMAT)
    pcrs: dict[int, bytes] = {}
    for number, digest in value.items():
        if not isinstance(number, int) or not 0 <= number < _MOST_PCRS:
            raise EvidenceRefused(Check.FORMAT)
        if not isinstance(digest, bytes) or len(digest) != _COORDINATE:
            raise EvidenceRefused(Check.FORMAT)
        pcrs[number] = digest
    if not {0, 1, 2} <= pcrs.keys():
        raise EvidenceRefused(Check.FORMAT)
    return pcrs


def _made_at(value: cbor.Value) -> datetime:
    # Milliseconds; a bound keeps the arithmetic inside what a datetime holds.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 45:
        raise EvidenceRefused(Check.FORMAT)
    return datetime.fromtimestamp(value / 1000, UTC)


def _bytes(value: cbor.Value) -> bytes:
    if not isinstance(value, bytes):
        raise EvidenceRefused(Check.FORMAT)
    return value


def _check_signature(key: EllipticCurvePublicKey, payload: bytes, signature: bytes) -> None:
    """Hold the signature against RFC 9052's Sig_structure, whose external data is empty."""
    signed = b"".join(
        (
            cbor.head(4, 4),
            cbor.head(3, 10),
            b"Signature1",
            cbor.head(2, len(_PROTECTED)),
            _PROTECTED,
            cbor.head(2, 0),
            cbor.head(2, len(payload)),
            payload,
        )
    )
    r, s = (int.from_bytes(signature[at : at + _COORDINATE], "big") for at in (0, _COORDINATE))
    try:
        key.verify(encode_dss_signature(r, s), signed, ECDSA(SHA384()))
    except (InvalidSignature, ValueError):
        raise EvidenceRefused(Check.SIGNATURE) from None
