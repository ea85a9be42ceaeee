"""Stage 3: may this caller ask this, for this purpose, about this subject?

Pure. Every missing fact denies. The rules and their order are `policy.criteria`; the first that fails names the reason,
so that the reason a caller sees is the one to mend first. `explain` asks the same rules and shows them all.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from wardkeep.model.access import Application, DataClass, Purpose
from wardkeep.model.break_glass import BreakGlass
from wardkeep.model.part2 import is_inherited, names_of
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Registry
from wardkeep.model.stages import Assurance, Facts, Identified, Permitted
from wardkeep.policy.certificates import check_certificate, holder_of
from wardkeep.policy.criteria import CHECKS, CRITERIA, UNRESOLVED, Case, covers, rows_of

VERSION: Final = "6"

# DESIGN 3.6, patient safety: a changed date or dose harms a patient, so on treatment routes they go unchanged.
_KEPT_FOR_TREATMENT: Final = frozenset({"DATE", "AGE", "DEMOGRAPHIC"})
_TREATMENT: Final = frozenset({Purpose.TREAT, Purpose.ETREAT})
_NOTHING: Final[frozenset[str]] = frozenset()
_ORDINARY: Final = frozenset({DataClass.ORDINARY})
_PART2: Final = frozenset({DataClass.PART2})
_PURPOSES: Final = {purpose.value: purpose for purpose in Purpose}
_CLASSES: Final = {each.value: each for each in DataClass}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says of a case: the reason it refuses with, or None where it holds."""

    name: str
    demands: str
    reason: Reason | None


def decide(identified: Identified, facts: Facts) -> Permitted | Refused:
    """Return the permission, or the reason there is none."""
    call, key = identified.call, identified.key
    # What a connection shows is no part of a case, so `explain` does not ask it; a stolen key is refused here first.
    unshown = check_certificate(
        facts.registry, call.peer_key, holder=holder_of(key), is_demanded=key.demands_certificate, now=facts.now.wall
    )
    if unshown is not None:
        return unshown
    case = case_of(
        registry=facts.registry,
        now=facts.now.wall,
        key=key,
        application=identified.application,
        person=identified.person,
        stated_person=call.person is not None or call.person_token is not None,
        assurance=identified.assurance,
        second_factor_at=identified.second_factor_at,
        purpose=call.purpose,
        model=call.model,
        fields=call.document.value.keys(),
        subject=call.subject,
        subject_tag=identified.subject_tag,
        data_classes=call.data_classes,
        training_overdue=facts.training_overdue,
        policies_unsigned=facts.policies_unsigned,
        individual_tag=identified.individual_tag,
        today=facts.today,
    )
    for check in CHECKS:
        refused = check(case)
        if refused is not None:
            return refused
    purpose, route, classes = case.purpose, case.route, case.data_classes
    if purpose is None or route is None or classes is None:
        return Refused(reason=Reason.FACTS_UNAVAILABLE)
    keeps, reveals = granted(case)
    return Permitted(
        identified=identified,
        facts=facts,
        route=route,
        purpose=purpose,
        subject=None if call.subject in UNRESOLVED else call.subject,
        keeps=keeps,
        data_classes=classes,
        reveals=reveals,
        break_glass=case.glass.id if case.glass is not None else None,
    )


def explain(case: Case) -> tuple[Finding, ...]:
    """Return what every rule says; the case is permitted when no finding has a reason."""
    return tuple(
        Finding(name=each.name, demands=each.demands, reason=None if refused is None else refused.reason)
        for each, refused in ((criterion, criterion.check(case)) for criterion in CRITERIA)
    )


def case_of(
    *,
    registry: Registry,
    now: datetime,
    key: ApiKey,
    application: Application | None,
    person: Person | None,
    stated_person: bool,
    assurance: Assurance,
    second_factor_at: datetime | None,
    purpose: str | None,
    model: str | None,
    fields: Collection[str],
    subject: str | None,
    subject_tag: str | None,
    data_classes: tuple[str, ...],
    training_overdue: frozenset[str] | None,
    policies_unsigned: frozenset[str] | None,
    individual_tag: str | None = None,
    today: date | None = None,
) -> Case:
    """Return the case, with the records that its names lead to."""
    workspace = registry.workspaces.get(key.workspace)
    team = registry.care_teams.get(subject_tag) if subject_tag is not None and subject not in UNRESOLVED else None
    if team is not None and (workspace is None or team.workspace != workspace.id):
        team = None
    assumed = workspace.assumed if workspace is not None else frozenset(DataClass)
    if is_inherited(registry.part2_sources, names_of(key.workspace, key.application), today):
        assumed |= _PART2
    consents = registry.consents.get(individual_tag) if individual_tag is not None else None
    used_for = key.default_purpose if purpose is None else _PURPOSES.get(purpose)
    return Case(
        registry=registry,
        now=now,
        key=key,
        application=application,
        stated_person=stated_person,
        person=person,
        assurance=assurance,
        second_factor_at=second_factor_at,
        stated_purpose=purpose,
        model=model,
        fields=fields,
        subject=subject,
        subject_tag=subject_tag,
        stated_classes=data_classes,
        training_overdue=training_overdue,
        policies_unsigned=policies_unsigned,
        workspace=workspace,
        purpose=used_for,
        route=registry.routes.get(model) if model is not None else None,
        data_classes=_classes(data_classes, assumed),
        team=team,
        glass=_glass_of(
            registry,
            person=person,
            assurance=assurance,
            purpose=used_for,
            workspace=key.workspace,
            subject_tag=subject_tag,
            now=now,
        )
        if registry.break_glass
        else None,
        individual_tag=individual_tag,
        today=today,
        consents=consents.held if consents is not None and subject not in UNRESOLVED else (),
    )


def _glass_of(
    registry: Registry,
    *,
    person: Person | None,
    assurance: Assurance,
    purpose: Purpose | None,
    workspace: str,
    subject_tag: str | None,
    now: datetime,
) -> BreakGlass | None:
    """Return the emergency that this call is in: a proven person's, there, now, for that subject, to treat.

    An application's word is no proof: it could name whoever broke the glass.
    """
    if person is None or not person.is_active or assurance is not Assurance.VERIFIED or purpose is not Purpose.ETREAT:
        return None
    for _, each in sorted(registry.break_glass.items()):
        is_theirs = each.person == person.id and each.workspace == workspace and each.is_open(now)
        if is_theirs and each.subject_tag in {None, subject_tag}:
            return each
    return None


def granted(case: Case) -> tuple[frozenset[str], bool]:
    """Return the identifier classes that pass unmasked, and whether originals stand in the answer (DESIGN section 5).

    A route's task profile states what the task needs; without one, dates and ages for treatment. Every role involved
    must permit either: the person's and the application's. A key without application has its scope and no role.

    In an emergency masking gives way for who treats: originals are shown, and what treatment needs passes, within the
    person's own role. What the route's privacy policy does to a class stays.
    """
    profile = case.route.passes if case.route is not None else None
    passes = profile if profile is not None else _KEPT_FOR_TREATMENT if case.purpose in _TREATMENT else _NOTHING
    reveals = True
    holders: tuple[Person | Application | None, ...] = (case.person, case.application)
    if case.glass is not None:
        passes, holders = passes | _KEPT_FOR_TREATMENT, (case.person,)
    for each in holders:
        if each is not None:
            rows = [row for row in rows_of(each.roles) if covers(row, case)]
            passes = passes & _NOTHING.union(*(row.passes for row in rows))
            reveals = reveals and any(row.reveals for row in rows)
    # What the route's privacy policy does to a class counts, whatever would let it pass.
    acted_on = case.route.actions.keys() if case.route is not None else ()
    return passes.difference(acted_on), reveals


def _classes(stated: tuple[str, ...], assumed: frozenset[DataClass]) -> frozenset[DataClass] | None:
    """Return stated and assumed classes, ordinary when there is neither, None when a statement is not understood."""
    if not stated:
        return assumed or _ORDINARY
    found = frozenset(_CLASSES[name] for name in stated if name in _CLASSES)
    return found | assumed if len(found) == len(set(stated)) else None
