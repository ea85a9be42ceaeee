"""Joining and leaving, item by item (45 CFR 164.308(a)(3)(ii)(A)-(C)).

What the registry shows is computed and cannot be ticked: an account that is still open is open, whoever says otherwise.
The rest people attest, each by name. A list closes only when nothing is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.duties import due_days
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.policies import has_signed, in_force, must_sign
from wardkeep.compliance.policy_texts import Texts, text_of
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import invalid, require, taken, unknown
from wardkeep.compliance.two_people import Confirmation, confirmation
from wardkeep.model.programme import Attested, Checklist, ChecklistKind
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST: Final = timedelta(days=92)
_LIST: Final = "wardkeep checklist list"

Shows = Callable[[Registry, Texts, Person, date], bool]


def _has_account(_: Registry, __: Texts, person: Person, ___: date) -> bool:
    return person.is_active and bool(person.roles)


def _is_confirmed(_: Registry, __: Texts, person: Person, ___: date) -> bool:
    return confirmation(person) is not Confirmation.AWAITED


def _is_trained(registry: Registry, _: Texts, person: Person, today: date) -> bool:
    held = registry.trainings.get(person.id)
    passed = {} if held is None else held.certificates
    return all(rule.id in passed and today <= due for rule, due in due_days(registry, person))


def _has_signed(registry: Registry, texts: Texts, person: Person, _: date) -> bool:
    bound = (each for each in registry.policies if in_force(registry, each) is not None)
    return all(has_signed(registry, person.id, each) or not _binds(registry, texts, each, person) for each in bound)


def _binds(registry: Registry, texts: Texts, policy: str, person: Person) -> bool:
    """Whether the text in force and the newest one both bind the person."""
    version = in_force(registry, policy)
    return (
        version is not None
        and must_sign(person, text_of(texts, policy, version.text_version))
        and must_sign(person, text_of(texts, policy))
    )


def _is_closed(_: Registry, __: Texts, person: Person, ___: date) -> bool:
    return not person.is_active and person.credential_mac is None


def _has_no_keys(registry: Registry, _: Texts, person: Person, __: date) -> bool:
    return all(each.owner != person.id or each.is_revoked for each in registry.keys.values())


def _owns_nothing(registry: Registry, _: Texts, person: Person, __: date) -> bool:
    owners = {each.owner for each in registry.applications.values() if each.is_active}
    owners |= {each.owner for each in registry.workspaces.values() if each.is_active}
    return person.id not in owners


def _is_member_nowhere(registry: Registry, _: Texts, person: Person, __: date) -> bool:
    places = [each for each in registry.workspaces.values() if each.is_active]
    return all(person.id not in each.members for each in places) and all(
        person.id not in each.members for each in registry.care_teams.values()
    )


def _cannot_sign_in(registry: Registry, _: Texts, person: Person, __: date) -> bool:
    return person.id not in registry.logins and not person.links


# What is computed, by kind: the item, in words, and how the registry shows it.
SHOWN: Final[Mapping[ChecklistKind, Mapping[str, tuple[str, Shows]]]] = MappingProxyType(
    {
        ChecklistKind.JOINER: MappingProxyType(
            {
                "account": ("an active account with roles", _has_account),
                "confirmed": ("confirmed by another officer, where the roles need it", _is_confirmed),
                "training": ("all courses of the roles passed", _is_trained),
                "policies": ("all policies of the roles signed", _has_signed),
            }
        ),
        ChecklistKind.LEAVER: MappingProxyType(
            {
                "account": ("the account is closed and its credential gone", _is_closed),
                "sign_in": ("no passkey, password or link to an identity provider is left", _cannot_sign_in),
                "keys": ("no live key is theirs", _has_no_keys),
                "ownership": ("no open workspace or active application is theirs", _owns_nothing),
                "membership": ("in no open workspace and no care team", _is_member_nowhere),
            }
        ),
    }
)

# What people attest, by kind.
ATTESTED: Final[Mapping[ChecklistKind, Mapping[str, str]]] = MappingProxyType(
    {
        ChecklistKind.JOINER: MappingProxyType(
            {
                "identity": "an identity document was seen",
                "clearance": "the manager stated which access the task needs",
                "handover": "the credential was handed over in person or by a second channel",
                "device": "the device is encrypted, locks itself, and is in the register",
            }
        ),
        ChecklistKind.LEAVER: MappingProxyType(
            {
                "devices": "devices and media came back",
                "badges": "badges, keys and tokens came back",
                "elsewhere": "accounts outside this program were closed",
                "told": "the duty of silence was recalled in the last conversation",
            }
        ),
    }
)


def open_checklist(
    registry: Registry, by: Person, *, kind: ChecklistKind, person: str, due_on: date, today: date
) -> tuple[Change, ...]:
    """Open a list for a person.

    Raises:
        NotAllowed: no permission, no such person, one is open already, or a day out of bounds.
    """
    require(by, Permission.CONTROL_DECIDE)
    if person not in registry.people:
        raise unknown("person", "wardkeep user list")
    name = f"{kind.value}.{person}"
    held = registry.checklists.get(name)
    if held is not None and held.closed_on is None:
        raise taken("open checklist", f"`{_LIST}` shows it.")
    if not today <= due_on <= today + LONGEST:
        raise invalid("due day", f"from today to {LONGEST.days} days from today")
    record = Checklist(id=name, kind=kind, person=person, opened_by=by.id, opened_on=today, due_on=due_on)
    return (Change(kind=Kind.CHECKLISTS, id=name, record=record),)


def attest_item(registry: Registry, by: Person, *, checklist: str, item: str, today: date) -> tuple[Change, ...]:
    """Say that an item is done. Raises NotAllowed: it is computed, unknown, one's own, or the list is closed."""
    require(by, Permission.CONTROL_DECIDE)
    held = _open(registry, checklist)
    if item not in ATTESTED[held.kind]:
        raise invalid("item", "one that people attest: " + ", ".join(ATTESTED[held.kind]))
    if held.person == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody attests their own joining or leaving.",
            why="The list exists because somebody else looks.",
            fix="Ask another officer.",
        )
    attested = {**held.attested, item: Attested(by=by.id, on=today)}
    return (Change(kind=Kind.CHECKLISTS, id=checklist, record=replace(held, attested=attested)),)


def close_checklist(registry: Registry, by: Person, *, checklist: str, today: date, texts: Texts) -> tuple[Change, ...]:
    """Close a list on which nothing is missing. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    held = _open(registry, checklist)
    left = missing(registry, held, texts, today)
    if left:
        raise NotAllowed(
            "wrong_status",
            what=f"Missing: {', '.join(left)}.",
            why="A list closes when nothing is missing (45 CFR 164.308(a)(3)(ii)).",
            fix="Do it, or attest it with `wardkeep checklist attest`; what is computed shows by itself.",
            status=409,
        )
    return (Change(kind=Kind.CHECKLISTS, id=checklist, record=replace(held, closed_on=today)),)


def missing(registry: Registry, checklist: Checklist, texts: Texts, today: date) -> tuple[str, ...]:
    """Return the items that are not done."""
    person = registry.people.get(checklist.person)
    shown = SHOWN[checklist.kind]
    left = [name for name, (_, shows) in shown.items() if person is None or not shows(registry, texts, person, today)]
    return (*left, *(name for name in ATTESTED[checklist.kind] if name not in checklist.attested))


def checklist_view(registry: Registry, checklist: Checklist, texts: Texts, today: date) -> dict[str, object]:
    """Return a list as it is shown: every item, whether it is done, and who says so."""
    left = () if checklist.closed_on is not None else missing(registry, checklist, texts, today)
    computed = [
        {"item": name, "words": words, "is_computed": True, "by": None, "is_done": name not in left}
        for name, (words, _) in SHOWN[checklist.kind].items()
    ]
    said = [
        {
            "item": name,
            "words": words,
            "is_computed": False,
            "by": checklist.attested[name].by if name in checklist.attested else None,
            "is_done": name not in left,
        }
        for name, words in ATTESTED[checklist.kind].items()
    ]
    return {
        "id": checklist.id,
        "kind": checklist.kind.value,
        "person": checklist.person,
        "due_on": checklist.due_on.isoformat(),
        "closed_on": None if checklist.closed_on is None else checklist.closed_on.isoformat(),
        "is_late": checklist.closed_on is None and checklist.due_on < today,
        "items": [*computed, *said],
    }


def _open(registry: Registry, checklist: str) -> Checklist:
    held = registry.checklists.get(checklist)
    if held is None or held.closed_on is not None:
        raise unknown("open checklist", _LIST)
    return held
