"""What the break-glass part of the control plane takes. Reasons are sealed, and needed: a reviewer reads them."""

import msgspec

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.break_glass import GlassOutcome


class GlassForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An emergency. `code` is the authenticator's or one of the envelope; `subject` null is any."""

    workspace: str
    code: str
    reason: str
    subject: str | None = None
    minutes: int = 60

    def __repr__(self) -> str:
        """Show nothing: a code is a credential, a subject and a reason may name a patient."""
        return "GlassForm(...)"


class GlassReviewForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the reviewer found, and why."""

    outcome: GlassOutcome


class OfflineCodesForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose codes to make anew."""

    person: str
