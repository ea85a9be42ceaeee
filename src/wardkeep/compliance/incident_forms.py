"""What the incident part of the control plane takes and shows. Reasons are sealed with the step that they explain."""

from datetime import date

import msgspec

from wardkeep.compliance.evidence_forms import deadline_view
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.incidents import clocks_of, discovery, outstanding
from wardkeep.compliance.letters import Contact, LetterWords
from wardkeep.model.incident import Conclusion, Incident, IncidentFactor, IncidentSource, Reach, RiskLevel


class IncidentForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An incident to open. `reason` is what happened, in words."""

    id: str
    source: IncidentSource
    known_on: date
    should_have_known_on: date | None = None
    entry: int | None = None
    is_associate: bool = False


class DiscoveryForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An earlier day on which reasonable diligence would have found it."""

    should_have_known_on: date


class ReachForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which calls: ledger entries start <= index < stop, narrowed by what is named."""

    start: int
    stop: int
    vendor: str | None = None
    actor: str | None = None
    workspace: str | None = None
    purpose: str | None = None

    def reach(self) -> Reach:
        """Return the value."""
        return Reach(
            start=self.start,
            stop=self.stop,
            vendor=self.vendor,
            actor=self.actor,
            workspace=self.workspace,
            purpose=self.purpose,
        )


class CountForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many individuals; without `reach` the number is people's word alone."""

    individuals: int
    residents: dict[str, int] = msgspec.field(default_factory=dict)
    reach: ReachForm | None = None


class FactorForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One factor, judged; `reason` says why."""

    factor: IncidentFactor
    level: RiskLevel


class ConclusionForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it is; both signers state it."""

    conclusion: Conclusion


class DelayForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A law enforcement official's statement; `until` null when it was oral."""

    stated_on: date
    until: date | None = None


class NoticeForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A notice that was given."""

    name: str
    on: date
    about: str | None = None


class ContainForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is closed: a vendor or a key, exactly one."""

    vendor: str | None = None
    key: str | None = None


class ContactForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How individuals ask; at least one."""

    toll_free: str | None = None
    email: str | None = None
    web: str | None = None
    postal: str | None = None


class LetterForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The words of the letter's five parts (45 CFR 164.404(c)(1))."""

    what_happened: str
    types_of_information: str
    steps_for_individuals: str
    what_we_do: str
    contact: ContactForm
    happened_on: date | None = None

    def words(self) -> LetterWords:
        """Return the value."""
        contact = self.contact
        return LetterWords(
            what_happened=self.what_happened,
            happened_on=self.happened_on,
            types_of_information=self.types_of_information,
            steps_for_individuals=self.steps_for_individuals,
            what_we_do=self.what_we_do,
            contact=Contact(toll_free=contact.toll_free, email=contact.email, web=contact.web, postal=contact.postal),
        )


def incident_view(incident: Incident, today: date) -> dict[str, object]:
    """Return an incident as it is shown on a day: with its clocks, and which notices are not on record."""
    plain: dict[str, object] = msgspec.to_builtins(incident, order="deterministic")
    is_presumed = incident.conclusion is not Conclusion.BREACH and not incident.is_settled_as_no_breach
    missing = {(each.name, each.about) for each in outstanding(incident)}
    clocks = [
        {**deadline_view(each, today), "is_given": (each.name, each.about) not in missing}
        for each in clocks_of(incident)
    ]
    return {
        **plain,
        "discovered_on": discovery(incident).isoformat(),
        "is_presumed_breach": is_presumed,
        "is_counted": incident.individuals is not None,
        "clocks": clocks,
    }
