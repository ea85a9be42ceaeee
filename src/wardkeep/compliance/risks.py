"""The risk analysis (45 CFR 164.308(a)(1)(ii)(A)-(B)): suggested from what is live, judged by people, held against it.

Pure, as `policies`. Subjects are routes, vendors, assets and uses that exist now; one without a row that counts is a
difference, and so is a row about something that is gone. Whether a judgement is sound is not judged here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.registers import Risk, Treatment
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST: Final = timedelta(days=366)
ORGANISATION: Final = "organisation"
_LIST: Final = "wardkeep risk list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """One threat that is reasonably to be expected, with where to begin judging it."""

    words: str
    likelihood: int
    impact: int


# By kind of subject. The numbers are a beginning for people to judge, before any measure.
THREATS: Final[Mapping[str, Mapping[str, Threat]]] = MappingProxyType(
    {
        "route": MappingProxyType(
            {
                "identifier-missed": Threat(words="an identifier stays in what the model sees", likelihood=3, impact=3),
                "wrong-answer": Threat(words="a wrong answer reaches a record or a patient", likelihood=4, impact=5),
                "injection": Threat(words="text from outside gives the model instructions", likelihood=3, impact=4),
                "outage": Threat(words="the model is not there when it is needed", likelihood=3, impact=2),
            }
        ),
        "vendor": MappingProxyType(
            {
                "vendor-breach": Threat(words="the vendor loses or shows what it was sent", likelihood=2, impact=5),
                "terms-change": Threat(words="retention, training or regions change", likelihood=3, impact=4),
            }
        ),
        "asset": MappingProxyType(
            {
                "lost-or-stolen": Threat(words="it is lost, stolen or sold with data on it", likelihood=2, impact=4),
                "breaks": Threat(words="it breaks, burns or floods", likelihood=2, impact=4),
            }
        ),
        "use": MappingProxyType(
            {
                "over-reliance": Threat(words="people stop reading what the model writes", likelihood=4, impact=4),
                "unequal": Threat(words="it is worse for some groups of patients", likelihood=3, impact=4),
            }
        ),
        ORGANISATION: MappingProxyType(
            {
                "insider": Threat(words="somebody looks or acts without a task", likelihood=3, impact=4),
                "phishing": Threat(words="a credential is stolen", likelihood=4, impact=4),
                "key-lost": Threat(words="the root key is lost, or known to others", likelihood=1, impact=5),
                "record-cut": Threat(words="the record is cut, or cannot be written", likelihood=1, impact=5),
            }
        ),
    }
)


def subjects(registry: Registry) -> tuple[str, ...]:
    """Return everything live that the analysis must speak of."""
    vendors = {each.vendor for each in registry.deployments.values()}
    assets = [name for name, each in registry.assets.items() if each.disposed_on is None]
    return (
        ORGANISATION,
        *(f"asset:{name}" for name in sorted(assets)),
        *(f"route:{name}" for name in sorted(registry.routes)),
        *(f"use:{name}" for name in sorted(registry.uses)),
        *(f"vendor:{name}" for name in sorted(vendors)),
    )


def outside(registry: Registry, today: date) -> tuple[str, ...]:
    """Return what is live and in no row that counts today."""
    inside = {each.about for each in registry.risks.values() if each.holds(today)}
    return tuple(each for each in subjects(registry) if each not in inside)


def gone(registry: Registry) -> tuple[str, ...]:
    """Return rows about what is not live any more."""
    live = set(subjects(registry))
    return tuple(name for name, each in sorted(registry.risks.items()) if each.about not in live)


def suggestions(registry: Registry) -> list[dict[str, object]]:
    """Return a row for each threat to each subject that nobody has judged yet."""
    judged = {(each.about, each.threat) for each in registry.risks.values()}
    return [
        {
            "about": about,
            "threat": name,
            "words": threat.words,
            "likelihood": threat.likelihood,
            "impact": threat.impact,
        }
        for about in subjects(registry)
        for name, threat in THREATS[about.partition(":")[0]].items()
        if (about, name) not in judged
    ]


def put_risk(
    registry: Registry, by: Person, *, risk: str, about: str, threat: str, before: tuple[int, int],
    after: tuple[int, int], treatment: Treatment, owner: str, until: date, today: date,
) -> tuple[Change, ...]:  # fmt: skip
    """Judge a risk, or judge it anew; an acceptance given before falls away. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    clean_id(risk, "risk id")
    if about not in subjects(registry):
        raise unknown("live subject", "wardkeep risk suggest")
    known = THREATS[about.partition(":")[0]]
    if threat not in known:
        raise invalid("threat", "one of " + ", ".join(known))
    if not all(1 <= each <= 5 for each in (*before, *after)) or after[0] > before[0] or after[1] > before[1]:
        raise invalid("likelihood or impact", "1 to 5, and with the measures no higher than without")
    if (person := registry.people.get(owner)) is None or not person.is_active:
        raise unknown("active person to own the risk", "wardkeep user list")
    if not today <= until <= today + LONGEST:
        raise invalid("last day", "from today to a year from today")
    record = Risk(
        id=risk,
        about=about,
        threat=threat,
        likelihood=before[0],
        impact=before[1],
        residual_likelihood=after[0],
        residual_impact=after[1],
        treatment=treatment,
        owner=owner,
        until=until,
        analysed_by=by.id,
        analysed_under=by.access_by,
        analysed_on=today,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.RISKS, id=risk, record=record),)


def accept_risk(registry: Registry, by: Person, *, risk: str, today: date) -> tuple[Change, ...]:
    """Accept a risk that is to be accepted: another person than the one who judged it. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    found = registry.risks.get(risk)
    if found is None:
        raise unknown("risk", _LIST)
    if found.treatment is not Treatment.ACCEPT or found.accepted_by is not None or found.until < today:
        raise NotAllowed(
            "wrong_status",
            what="There is nothing to accept about this risk.",
            why="It is treated otherwise, is accepted, or its last day has passed.",
            fix=f"`{_LIST}` shows where each stands.",
            status=409,
        )
    note = second_person(registry, by, found.analysed_by, under=found.analysed_under, deed="judged the risk")
    return (Change(kind=Kind.RISKS, id=risk, record=replace(found, accepted_by=by.id), note=note),)


def risk_view(risk: Risk, today: date) -> dict[str, object]:
    """Return a row as it is shown."""
    return {
        "id": risk.id,
        "about": risk.about,
        "threat": risk.threat,
        "before": risk.likelihood * risk.impact,
        "after": risk.score,
        "treatment": risk.treatment.value,
        "owner": risk.owner,
        "analysed_by": risk.analysed_by,
        "analysed_on": risk.analysed_on.isoformat(),
        "accepted_by": risk.accepted_by,
        "until": risk.until.isoformat(),
        "holds": risk.holds(today),
        "words": risk.words,
    }
