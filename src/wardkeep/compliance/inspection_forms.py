"""What the control API takes for cloud configuration checks."""

import msgspec

from wardkeep.compliance.forms import Form
from wardkeep.model.inspection import Inspection


class InspectionForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a vendor is asked about a deployment. `credential` is sealed at once and never shown."""

    base_url: str | None = None
    account: dict[str, str] = msgspec.field(default_factory=dict)
    token_url: str | None = None
    credential: str | None = None

    def inspection(self, deployment: str) -> Inspection:
        """Return the record; `inspections.set_inspection` names its credential."""
        return Inspection(id=deployment, base_url=self.base_url, account=self.account, token_url=self.token_url)


class ConfirmationForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A contradiction that an officer has looked at. `accept` names findings that are intended, as they are shown."""

    reason: str
    accept: frozenset[str] = frozenset()
