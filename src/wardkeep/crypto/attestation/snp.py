"""AMD SEV-SNP: an attestation report and the VCEK certificate that signed it, verified offline.

Reports of versions 2, 3 and 5 (AMD 56860, SEV-SNP firmware ABI, ATTESTATION_REPORT); certificates and their extensions
as in AMD 57230 (VCEK). ECDSA P-384 over the first 0x2A0 bytes, and what stands behind the signature is never read.
`report_data` is the SHA-256 of the live TLS key and our nonce. Keys shared by a cloud (VLEK) and reports whose chip key
is masked are refused, as is Milan unless a rule allows it: a paper of May 2026 claims that its root is extractable.
"""

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import ObjectIdentifier

from wardkeep.crypto.attestation import chain
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import AttestationRule, Challenge, Check, Evidence, Shown

_REPORT_BYTES: Final = 0x4A0
_SIGNED_BYTES: Final = 0x2A0
_COORDINATE: Final = 0x48
_VERSIONS: Final = frozenset({2, 3, 5})
_ECDSA_P384_SHA384: Final = 1
_POLICY_RESERVED_ONE: Final = 1 << 17
_POLICY_MIGRATION_AGENT: Final = 1 << 18
_POLICY_DEBUG: Final = 1 << 19
_FLAG_MASK_CHIP_KEY: Final = 1 << 1
_FLAGS_SIGNING_KEY: Final = 0b111 << 2  # zero is the VCEK
_MILAN: Final = "Milan"
_TURIN: Final = "Turin"
# Family and models of each product, as the report of version 3 and later has them.
_MODELS: Final = {
    _MILAN: (0x19, range(0x10)),
    "Genoa": (0x19, (*range(0x10, 0x20), *range(0xA0, 0xB0))),
    _TURIN: (0x1A, range(0x20)),
}
_ARC: Final = "1.3.6.1.4.1.3704.1."
_PRODUCT: Final = f"{_ARC}2"
_CHIP: Final = f"{_ARC}4"
_PARTS: Final = {"boot_loader": f"{_ARC}3.1", "tee": f"{_ARC}3.2", "snp": f"{_ARC}3.3", "microcode": f"{_ARC}3.8"}
_FMC: Final = f"{_ARC}3.9"
_TCB_FIELDS: Final = {"current": 0x38, "reported": 0x180, "committed": 0x1E0, "launch": 0x1F0}
_REGISTERS: Final = {
    "MEASUREMENT": (0x90, 48),
    "HOST_DATA": (0xC0, 32),
    "ID_KEY_DIGEST": (0xE0, 48),
    "AUTHOR_KEY_DIGEST": (0x110, 48),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chip:
    """What the VCEK certificate says of the processor whose key it is."""

    product: str
    chip_id: bytes
    tcb: dict[str, int]


def verify(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> Shown:
    """Return what the report says. Raises EvidenceRefused."""
    report = evidence.document
    if len(report) != _REPORT_BYTES:
        raise EvidenceRefused(Check.FORMAT)
    version = _number(report, 0, 4)
    if version not in _VERSIONS or _number(report, 0x34, 4) != _ECDSA_P384_SHA384:
        raise EvidenceRefused(Check.FORMAT)
    _check_policy(report)
    if report[0x50:0x70] != challenge.peer_key:
        raise EvidenceRefused(Check.PEER_KEY)
    if report[0x70:0x90] != challenge.nonce:
        raise EvidenceRefused(Check.NONCE)
    leaf = chain.load(evidence.endorsement)
    chip = _chip(leaf)
    _check_product(report, version, chip, rule)
    _check_tcb(report, chip, rule)
    above = [chain.load(each) for each in evidence.intermediates]
    ends_at = chain.verify_chain(leaf, [*above, _anchor(above, rule)], rule.anchors, challenge.now)
    _check_signature(chain.signing_key(leaf), report)
    return Shown(
        registers={name: report[at : at + size].hex() for name, (at, size) in _REGISTERS.items()},
        tcb=f"{chip.product} " + " ".join(f"{name}={value}" for name, value in sorted(chip.tcb.items())),
        ends_at=ends_at,
    )


def _check_policy(report: bytes) -> None:
    """Refuse a guest that its host may debug or move, or a report that another privilege level asked for."""
    policy = _number(report, 0x08, 8)
    if policy & _POLICY_DEBUG:
        raise EvidenceRefused(Check.DEBUG)
    flags = _number(report, 0x48, 4)
    is_closed = bool(policy & _POLICY_RESERVED_ONE) and not policy & _POLICY_MIGRATION_AGENT and not policy >> 26
    is_of_chip = not flags & (_FLAG_MASK_CHIP_KEY | _FLAGS_SIGNING_KEY)
    if not is_closed or not is_of_chip or _number(report, 0x30, 4) != 0:
        raise EvidenceRefused(Check.POLICY)


def _check_product(report: bytes, version: int, chip: _Chip, rule: AttestationRule) -> None:
    models = _MODELS.get(chip.product)
    if models is None or (chip.product == _MILAN and not rule.allows_milan):
        raise EvidenceRefused(Check.PRODUCT)
    if version >= 3 and (report[0x188] != models[0] or report[0x189] not in models[1]):
        raise EvidenceRefused(Check.PRODUCT)
    if version < 3 and chip.product == _TURIN:
        raise EvidenceRefused(Check.PRODUCT)
    if report[0x1A0:0x1E0] != chip.chip_id.ljust(64, b"\0"):
        raise EvidenceRefused(Check.CHAIN)


def _check_tcb(report: bytes, chip: _Chip, rule: AttestationRule) -> None:
    """Hold every version the report names against the floor, and the reported one against the certificate's."""
    found = {name: _tcb(report[at : at + 8], chip.product) for name, at in _TCB_FIELDS.items()}
    if found["reported"] != chip.tcb or not rule.tcb_floor:
        raise EvidenceRefused(Check.TCB)
    for parts in found.values():
        if any(parts.get(name, -1) < least for name, least in rule.tcb_floor.items()):
            raise EvidenceRefused(Check.TCB)


def _tcb(field: bytes, product: str) -> dict[str, int]:
    if product == _TURIN:
        return {"fmc": field[0], "boot_loader": field[1], "tee": field[2], "snp": field[3], "microcode": field[7]}
    return {"boot_loader": field[0], "tee": field[1], "snp": field[6], "microcode": field[7]}


def _chip(vcek: x509.Certificate) -> _Chip:
    """Read the extensions. Raises EvidenceRefused: one is missing or is not what AMD writes."""
    product = _extension(vcek, _PRODUCT)
    name = product[2:].decode("ascii", "replace").partition("-")[0]
    if product[:2] != bytes([0x16, len(product) - 2]):
        raise EvidenceRefused(Check.FORMAT)
    parts = _PARTS | ({"fmc": _FMC} if name == _TURIN else {})
    chip_id = _extension(vcek, _CHIP)
    if len(chip_id) != (8 if name == _TURIN else 64):
        raise EvidenceRefused(Check.FORMAT)
    return _Chip(
        product=name,
        chip_id=chip_id,
        tcb={part: _small(_extension(vcek, oid)) for part, oid in parts.items()},
    )


def _extension(certificate: x509.Certificate, oid: str) -> bytes:
    try:
        value = certificate.extensions.get_extension_for_oid(ObjectIdentifier(oid)).value
    except x509.ExtensionNotFound:
        raise EvidenceRefused(Check.FORMAT) from None
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _small(der: bytes) -> int:
    """Return a DER INTEGER of 0 to 255."""
    if der[:1] != b"\x02" or len(der) not in {3, 4} or der[1] != len(der) - 2 or (len(der) == 4 and der[2]):
        raise EvidenceRefused(Check.FORMAT)
    return der[-1]


def _anchor(above: list[x509.Certificate], rule: AttestationRule) -> x509.Certificate:
    """Return the anchor whose name the last certificate gives as its issuer's."""
    roots = [chain.load(each) for each in rule.anchors]
    found = next((root for root in roots if above and root.subject == above[-1].issuer), None)
    if found is None:
        raise EvidenceRefused(Check.CHAIN)
    return found


def _check_signature(key: EllipticCurvePublicKey, report: bytes) -> None:
    r, s = (_number(report, _SIGNED_BYTES + at, _COORDINATE) for at in (0, _COORDINATE))
    try:
        key.verify(encode_dss_signature(r, s), report[:_SIGNED_BYTES], ECDSA(SHA384()))
    except (InvalidSignature, ValueError):
        raise EvidenceRefused(Check.SIGNATURE) from None


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
