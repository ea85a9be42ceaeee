"""The rules of stage 3, one function each, in the order in which a caller should mend them (45 CFR 164.308(a)(4)).

Each takes the whole case and returns the refusal, or None when it holds. `decide` stops at the first that fails;
`explain` asks them all. A fact that nobody has fails the rule that needs it. Pure: clock and records come in as values.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from wardkeep.model.access import (
    Application,
    CareTeam,
    DataClass,
    Purpose,
    Relationship,
    Requirement,
    Role,
    Workspace,
)
from wardkeep.model.break_glass import BreakGlass
from wardkeep.model.individuals import bars_named, bars_unnamed
from wardkeep.model.part2 import Consent
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Registry, Route
from wardkeep.model.stages import Assurance
from wardkeep.policy.data_roles import DATA_ROLES, DataRole

UNRESOLVED: Final = frozenset({"unknown", "multiple"})
# Clocks of the identity provider and of this host may differ by this much (RFC 7519 section 4.1.4 calls it leeway).
_LEEWAY: Final = timedelta(seconds=60)
_EMERGENCY: Final = frozenset({Purpose.ETREAT})
_ORDINARY: Final = frozenset({DataClass.ORDINARY})


class Case(NamedTuple):
    """All that stage 3 looks at, once. What is not known is None, and denies where it is needed.

    `person` is on whose behalf the call is, when that person exists and is active; `stated_person` that somebody was
    named at all. `subject_tag` is the blind index under which the subject's care team is kept. `glass` is the emergency
    that this call is in, when its person broke the glass. `individual_tag` is the blind index under
    which the subject's restrictions are kept, `consents` are the subject's.
    """

    registry: Registry
    now: datetime
    key: ApiKey
    application: Application | None
    stated_person: bool
    person: Person | None
    assurance: Assurance
    second_factor_at: datetime | None
    stated_purpose: str | None
    model: str | None
    fields: Collection[str]
    subject: str | None
    subject_tag: str | None
    stated_classes: tuple[str, ...]
    training_overdue: frozenset[str] | None
    policies_unsigned: frozenset[str] | None
    workspace: Workspace | None
    purpose: Purpose | None
    route: Route | None
    data_classes: frozenset[DataClass] | None
    team: CareTeam | None
    glass: BreakGlass | None = None
    individual_tag: str | None = None
    today: date | None = None
    consents: tuple[Consent, ...] = ()


Check = Callable[[Case], Refused | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One rule: its stable `name`, what it demands in words, and the check."""

    name: str
    demands: str
    check: Check


def _organisation(case: Case) -> Refused | None:
    return Refused(reason=Reason.FACTS_UNAVAILABLE) if case.registry.organisation is None else None


def _workspace(case: Case) -> Refused | None:
    workspace = case.workspace
    if workspace is None or not workspace.is_active:
        return Refused(reason=Reason.WORKSPACE_CLOSED)
    application = case.application
    if application is not None and application.workspace != workspace.id:
        return Refused(reason=Reason.NOT_IN_WORKSPACE)
    return None


def _application(case: Case) -> Refused | None:
    if case.key.application is None:
        return None
    application = case.application
    if application is None or not application.is_active:
        return Refused(reason=Reason.APPLICATION_INACTIVE)
    return None


def _person(case: Case) -> Refused | None:
    requires = case.workspace.requires if case.workspace is not None else frozenset(Requirement)
    if not case.stated_person:
        if Requirement.PERSON in requires or Requirement.VERIFIED_PERSON in requires:
            return Refused(reason=Reason.PERSON_MISSING)
        return None
    if case.person is None or not case.person.is_active:
        return Refused(reason=Reason.PERSON_NOT_ACCEPTED)
    if case.assurance is not Assurance.VERIFIED:
        application = case.application
        if application is None or not application.may_assert_person:
            return Refused(reason=Reason.PERSON_NOT_ACCEPTED)
        if Requirement.VERIFIED_PERSON in requires:
            return Refused(reason=Reason.PERSON_UNVERIFIED)
    return None


def _member(case: Case) -> Refused | None:
    if case.person is None or case.workspace is None or case.person.id in case.workspace.members:
        return None
    return Refused(reason=Reason.NOT_IN_WORKSPACE)


def _second_factor(case: Case) -> Refused | None:
    workspace = case.workspace
    if workspace is None or Requirement.SECOND_FACTOR not in workspace.requires:
        return None
    at = case.second_factor_at
    if at is None or at > case.now + _LEEWAY or case.now - at > timedelta(seconds=workspace.second_factor_seconds):
        return Refused(reason=Reason.MFA_STALE)
    return None


def _training(case: Case) -> Refused | None:
    return _duty(case, case.training_overdue, Requirement.TRAINING, Reason.TRAINING_OVERDUE)


def _acknowledgement(case: Case) -> Refused | None:
    return _duty(case, case.policies_unsigned, Requirement.ACKNOWLEDGEMENT, Reason.POLICY_UNSIGNED)


def _duty(case: Case, late: frozenset[str] | None, requirement: Requirement, reason: Reason) -> Refused | None:
    """What is known to be overdue always counts; what nobody knows denies where the workspace demands it.

    Not in an emergency: a broken glass widens over training and acknowledgement (DESIGN section 5).
    """
    if case.glass is not None:
        return None
    if late is None:
        if case.workspace is not None and requirement not in case.workspace.requires:
            return None
        return Refused(reason=Reason.FACTS_UNAVAILABLE)
    owner = case.application.owner if case.application is not None else case.key.owner
    if owner in late or case.key.owner in late or (case.person is not None and case.person.id in late):
        return Refused(reason=reason)
    return None


def _purpose(case: Case) -> Refused | None:
    if case.purpose is None:
        if case.stated_purpose is None:
            return Refused(reason=Reason.PURPOSE_MISSING)
        return Refused(reason=Reason.PURPOSE_UNKNOWN)
    if case.purpose not in case.key.purposes:
        return Refused(reason=Reason.PURPOSE_NOT_PERMITTED)
    if case.workspace is not None and case.purpose not in case.workspace.purposes:
        return Refused(reason=Reason.PURPOSE_NOT_PERMITTED)
    return None


def _route(case: Case) -> Refused | None:
    if case.model is None:
        return Refused(reason=Reason.FIELD_MISSING, field="model")
    if case.route is None:
        return Refused(reason=Reason.MODEL_UNKNOWN, field="model")
    if case.model not in case.key.models:
        return Refused(reason=Reason.ROUTE_NOT_PERMITTED)
    if case.workspace is not None and case.workspace.models is not None and case.model not in case.workspace.models:
        return Refused(reason=Reason.ROUTE_NOT_PERMITTED)
    return None


def _subject(case: Case) -> Refused | None:
    is_required = case.workspace is None or Requirement.SUBJECT in case.workspace.requires
    if case.subject is None and (is_required or case.route is None or case.route.requires_subject):
        return Refused(reason=Reason.SUBJECT_MISSING)
    return None


def _synthetic(case: Case) -> Refused | None:
    """Whoever names a subject or a special class says that a real person's data comes. Stage 4 reads what does come."""
    if case.workspace is None or not case.workspace.synthetic_only:
        return None
    is_special = case.data_classes is None or case.data_classes != _ORDINARY
    return Refused(reason=Reason.SYNTHETIC_ONLY) if case.subject is not None or is_special else None


def _data_class(case: Case) -> Refused | None:
    classes = case.data_classes
    if classes is None:
        return Refused(reason=Reason.DATA_CLASS_UNKNOWN)
    if case.workspace is None or case.route is None:
        return Refused(reason=Reason.DATA_CLASS_NOT_PERMITTED)
    if not (classes <= case.workspace.data_classes and classes <= case.route.data_classes):
        return Refused(reason=Reason.DATA_CLASS_NOT_PERMITTED)
    return None


def _person_role(case: Case) -> Refused | None:
    return None if case.person is None else _covered(case, rows_of(case.person.roles))


def _application_role(case: Case) -> Refused | None:
    """An application does nothing for a person that it may not do itself, and it may not lend its own rights either."""
    return None if case.application is None else _covered(case, rows_of(case.application.roles))


def rows_of(roles: Collection[Role]) -> list[DataRole]:
    """Return the rows of the roles that have one."""
    return [DATA_ROLES[role] for role in roles if role in DATA_ROLES]


def covers(row: DataRole, case: Case) -> bool:
    """Whether one row holds the case whole."""
    return (
        case.purpose in row.purposes
        and case.data_classes is not None
        and case.data_classes <= row.data_classes
        and row.fields.issuperset(case.fields)
    )


def _covered(case: Case, rows: list[DataRole]) -> Refused | None:
    for row in rows:
        if covers(row, case):
            return None
    for_purpose = [row for row in rows if case.purpose in row.purposes]
    if not for_purpose:
        return Refused(reason=Reason.ROLE_NOT_PERMITTED)
    classes = case.data_classes
    with_class = [row for row in for_purpose if classes is not None and classes <= row.data_classes]
    if not with_class:
        return Refused(reason=Reason.DATA_CLASS_NOT_PERMITTED)
    return Refused(reason=Reason.FIELD_NOT_NECESSARY)


def _relationship(case: Case) -> Refused | None:
    """The subject's care team, where the workspace keeps them (minimum necessary by relationship).

    Not in an emergency: a broken glass widens over it.
    """
    if case.glass is not None:
        return None
    workspace = case.workspace
    if workspace is not None and Requirement.CARE_TEAM not in workspace.requires:
        return None
    if not case.stated_person:
        return Refused(reason=Reason.PERSON_MISSING)
    if not _relations(case):
        return Refused(reason=Reason.RELATIONSHIP_MISSING)
    return None


def _relations(case: Case) -> frozenset[Relationship]:
    if case.team is None or case.person is None:
        return frozenset()
    return case.team.members.get(case.person.id, frozenset())


def _psychotherapy(case: Case) -> Refused | None:
    """45 CFR 164.508(a)(2): the originator for treatment, or whom an authorization names; nobody else."""
    classes = case.data_classes
    if classes is not None and DataClass.PSYCHOTHERAPY not in classes:
        return None
    if case.person is not None and case.team is not None:
        if case.person.id in case.team.psychotherapy_authorized:
            return None
        if Relationship.ORIGINATOR in _relations(case) and case.purpose is Purpose.TREAT:
            return None
    return Refused(reason=Reason.PSYCHOTHERAPY_NOT_AUTHORIZED)


def _part2(case: Case) -> Refused | None:
    """42 CFR 2.31, 2.33 (a consent for the purpose, from here, today) and 2.51 (a medical emergency needs none).

    Whether it names the recipient is asked where the deployment is chosen.
    """
    classes = case.data_classes
    if (classes is not None and DataClass.PART2 not in classes) or case.purpose in _EMERGENCY:
        return None
    on = case.today
    if on is not None and any(each.covers(case.purpose, case.key.workspace, on) for each in case.consents):
        return None
    return Refused(reason=Reason.SUBSTANCE_USE_CONSENT_MISSING)


def _restriction(case: Case) -> Refused | None:
    """45 CFR 164.522(a)(1): what was agreed not to be done. Emergency treatment may be given (164.522(a)(1)(iii)).

    Here what is barred from every vendor; what is barred from some is asked where the deployment is chosen.
    """
    restricted = case.registry.restrictions
    if not restricted or case.purpose in _EMERGENCY:
        return None
    if case.subject is None or case.subject in UNRESOLVED:
        if bars_unnamed(restricted.values(), case.purpose, None):
            return Refused(reason=Reason.RESTRICTION_SUBJECT_UNNAMED)
        return None
    if case.individual_tag is None or bars_named(restricted.get(case.individual_tag), case.purpose, None):
        return Refused(reason=Reason.RESTRICTION_AGREED)
    return None


CRITERIA: Final = (
    Criterion(name="organisation", demands="the organisation's record is there", check=_organisation),
    Criterion(name="application", demands="the key's application is active", check=_application),
    Criterion(name="workspace", demands="the key's workspace is open, and the application's", check=_workspace),
    Criterion(
        name="person", demands="the person acted for is known, and as sure as the workspace demands", check=_person
    ),
    Criterion(name="member", demands="the person is a member of the workspace", check=_member),
    Criterion(
        name="second_factor", demands="the person's second factor is fresh, where demanded", check=_second_factor
    ),
    Criterion(name="training", demands="nobody responsible has overdue training", check=_training),
    Criterion(name="acknowledgement", demands="nobody responsible has unsigned policies", check=_acknowledgement),
    Criterion(name="purpose", demands="key and workspace serve the purpose", check=_purpose),
    Criterion(name="route", demands="key and workspace may use the model", check=_route),
    Criterion(name="subject", demands="a subject is named, where demanded", check=_subject),
    Criterion(name="synthetic", demands="no subject and no special class where data is made up only", check=_synthetic),
    Criterion(name="data_class", demands="workspace and route take the data classes", check=_data_class),
    Criterion(name="person_role", demands="one role of the person covers the call whole", check=_person_role),
    Criterion(
        name="application_role", demands="one role of the application covers the call whole", check=_application_role
    ),
    Criterion(name="relationship", demands="the person is on the subject's care team, where kept", check=_relationship),
    Criterion(name="psychotherapy", demands="psychotherapy notes: originator or authorization", check=_psychotherapy),
    Criterion(name="part2", demands="substance use records: consent for the purpose, or emergency", check=_part2),
    Criterion(
        name="restriction", demands="no restriction agreed with the individual bars the purpose", check=_restriction
    ),
)
CHECKS: Final = tuple(criterion.check for criterion in CRITERIA)
