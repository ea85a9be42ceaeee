"""Forms of prompt security: terms of a route or workspace, and the approval of a held request."""

from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.model.guard import GuardAction, GuardTerms


class GuardForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Terms to put; what is left out takes the built-in action. Exactly one of `route` and `workspace` is named."""

    route: str | None = None
    workspace: str | None = None
    injection: GuardAction = GuardAction.FLAG
    links: GuardAction = GuardAction.BLOCK
    payloads: GuardAction = GuardAction.FLAG
    leak: GuardAction = GuardAction.FLAG
    marked: bool = False
    hosts: frozenset[str] = frozenset()
    reveals: GuardAction = GuardAction.OFF

    def terms(self) -> GuardTerms:
        """Return the terms."""
        return GuardTerms(
            injection=self.injection,
            links=self.links,
            payloads=self.payloads,
            leak=self.leak,
            marked=self.marked,
            hosts=self.hosts,
            reveals=self.reveals,
        )


class PromptApprovalForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An approval of a held request: for how many hours, and why."""

    hours: int = 24
