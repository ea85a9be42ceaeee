"""Intel TDX: a quote and its collateral, verified offline by `dcap-qvl` (the extra `tdx`) and held against our rules.

The library follows Intel's chain from the root that was given through certificates, revocation lists, TCB and QE
identity at our time; Intel's own judgement of the platform must be `UpToDate`. What the quote says is taken from the
library's verified report, never from the bytes behind the signed body, which anybody may change. `report_data` is the
SHA-256 of the live TLS key and our nonce.
"""

from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import AttestationRule, Challenge, Check, Evidence, Shown

_LARGEST: Final = 128 * 1024
_GOOD: Final = "UpToDate"
# The low byte makes the guest debuggable; of the rest only these are harmless (migration, bit 29, is not): TDX ABI.
_SEPT_VE_DISABLE: Final = 1 << 28
_PKS_AND_KL: Final = (1 << 30) | (1 << 31)
_DEBUG_GROUP: Final = 0xFF
_REGISTERS: Final = {
    "MRTD": "mr_td",
    "RTMR0": "rt_mr0",
    "RTMR1": "rt_mr1",
    "RTMR2": "rt_mr2",
    "RTMR3": "rt_mr3",
    "MRCONFIGID": "mr_config_id",
    "MROWNER": "mr_owner",
    "MROWNERCONFIG": "mr_owner_config",
    "MRSEAM": "mr_seam",
}


class _Body(msgspec.Struct, frozen=True):
    """The fields of a TD report that are read; TDREPORT 1.5 has more."""

    mr_seam: str
    mr_signer_seam: str
    seam_attributes: str
    td_attributes: str
    mr_td: str
    mr_config_id: str
    mr_owner: str
    mr_owner_config: str
    rt_mr0: str
    rt_mr1: str
    rt_mr2: str
    rt_mr3: str
    report_data: str
    mr_service_td: str = ""


class _Report(msgspec.Struct, frozen=True):
    TD10: _Body | None = None
    TD15: _Body | None = None


class _Verified(msgspec.Struct, frozen=True):
    status: str
    advisory_ids: list[str]
    report: _Report


class _TcbInfo(msgspec.Struct, frozen=True):
    next_update: datetime = msgspec.field(name="nextUpdate")
    evaluation: int = msgspec.field(name="tcbEvaluationDataNumber")


class _Collateral(msgspec.Struct, frozen=True):
    tcb_info: str


def verify(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> Shown:
    """Return what the quote says. Raises EvidenceRefused."""
    if len(evidence.document) > _LARGEST or len(evidence.endorsement) > _LARGEST or evidence.intermediates:
        raise EvidenceRefused(Check.FORMAT)
    verified, collateral = _verified(evidence, rule, challenge)
    if verified.status != _GOOD or verified.advisory_ids:
        raise EvidenceRefused(Check.TCB)
    body = verified.report.TD15 or verified.report.TD10
    if body is None:
        raise EvidenceRefused(Check.KIND)
    _check_attributes(body)
    data = _hex(body.report_data)
    if data[:32] != challenge.peer_key:
        raise EvidenceRefused(Check.PEER_KEY)
    if data[32:] != challenge.nonce:
        raise EvidenceRefused(Check.NONCE)
    info = _decoded(collateral.tcb_info.encode(), _TcbInfo)
    return Shown(
        registers={name: getattr(body, field) for name, field in _REGISTERS.items()},
        tcb=f"{verified.status}, evaluation {info.evaluation}",
        ends_at=info.next_update,
    )


def _verified(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> tuple[_Verified, _Collateral]:
    """Let the library follow the chain; any one of the rule's anchors may be its root."""
    if find_spec("dcap_qvl") is None:
        raise EvidenceRefused(Check.VERIFIER)
    import dcap_qvl  # noqa: PLC0415 - the extra `tdx`

    collateral = _decoded(evidence.endorsement, _Collateral)
    now = int(challenge.now.timestamp())
    for root in rule.anchors:
        try:
            given = dcap_qvl.QuoteCollateralV3.from_json(evidence.endorsement.decode("utf-8"))
            report: str = dcap_qvl.verify_with_root_ca(evidence.document, given, root, now).to_json()
        except ValueError:  # all that the library raises; a panic of it ends the call as any defect does, unsent
            continue
        return _decoded(report.encode(), _Verified), collateral
    raise EvidenceRefused(Check.CHAIN)


def _check_attributes(body: _Body) -> None:
    """Refuse a guest that can be debugged, may be migrated, or has a module or service domain we do not know of."""
    attributes = int.from_bytes(_hex(body.td_attributes), "little")
    if attributes & _DEBUG_GROUP:
        raise EvidenceRefused(Check.DEBUG)
    is_known = not attributes & ~(_SEPT_VE_DISABLE | _PKS_AND_KL)
    is_plain = not any(_hex(body.seam_attributes) + _hex(body.mr_signer_seam) + _hex(body.mr_service_td))
    if not is_known or not is_plain:
        raise EvidenceRefused(Check.POLICY)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise EvidenceRefused(Check.FORMAT) from None


def _decoded(data: bytes, wanted: type[Any]) -> Any:
    try:
        return msgspec.json.decode(data, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EvidenceRefused(Check.FORMAT) from None
