"""What the control API takes for allow-lists of attested deployments, and for pins."""

import msgspec

from wardkeep.compliance.forms import Form
from wardkeep.model.attestation import AttestationKind, AttestationRule


class AllowListForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An allow-list to record. `anchors` are the roots as PEM, `measurements` register to lower-case hex."""

    id: str
    deployment: str
    kind: AttestationKind
    anchors: str
    measurements: tuple[dict[str, str], ...]
    tcb_floor: dict[str, int] = msgspec.field(default_factory=dict)
    allows_milan: bool = False

    def rule(self) -> AttestationRule:
        """Return the record; `attestations.add_rule` sets its author and anchors."""
        return AttestationRule(
            id=self.id,
            deployment=self.deployment,
            kind=self.kind,
            anchors=(),
            measurements=tuple(dict(each) for each in self.measurements),
            tcb_floor=dict(self.tcb_floor),
            allows_milan=self.allows_milan,
        )


class PinsForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All the TLS keys that a deployment may show from now on; none is no pinning."""

    pins: frozenset[str]
