"""What the access policy says, before anybody calls: explained, imagined, and compared over time.

The rules are asked, never written again here: `identity.keys` for the credential's standing, `policy.criteria` for the
rest. A table has one row for every way that a key may be used; relationship and consent differ by subject, so the table
takes the person to be on the care team and the data to be what the workspace assumes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from wardkeep.audit.ledger import Ledger
from wardkeep.compliance.entries import EntryMaker, peek
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import apply, decode_payload, stamped
from wardkeep.compliance.terms import invalid, unknown
from wardkeep.identity.keys import individual_tag, standing, subject_tag
from wardkeep.model.access import CareTeam, Purpose, Relationship, Requirement, Role, Workspace
from wardkeep.model.part2 import Consent, ConsentKind
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import ApiKey, Registry
from wardkeep.model.stages import Assurance
from wardkeep.policy.criteria import Case
from wardkeep.policy.decide import Finding, case_of, explain, granted

MOST_ROWS: Final = 50_000

_DEMANDS_KEY: Final = "the key is active, not expired, and its owner is active"
_PLAIN_FIELDS: Final = frozenset({"model", "messages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call that might be made."""

    key: str
    model: str | None
    purpose: str | None
    subject: str | None
    person: str | None
    is_verified: bool
    second_factor_at: datetime | None
    data_classes: tuple[str, ...]
    fields: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDuties:
    """Who is late, where that is known; None is a fact that nobody has."""

    training_overdue: frozenset[str] | None = None
    policies_unsigned: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer: every rule's finding, the first reason, and what a permitted call would get."""

    permitted: bool
    reason: Reason | None
    findings: tuple[Finding, ...]
    passes: tuple[str, ...]
    reveals: bool


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Use:
    """One way to use a key: one row of the table."""

    key: str
    person: str
    purpose: str
    model: str


def explained(
    registry: Registry, question: Question, *, mac_key: bytes, now: datetime, duties: KnownDuties
) -> Explained:
    """Return what every rule says of a call. Raises NotAllowed when there is no such key."""
    key = registry.keys.get(question.key)
    if key is None:
        raise unknown("key", "wardkeep key list")
    tag = subject_tag(mac_key, key.workspace, question.subject) if question.subject is not None else None
    individual = individual_tag(mac_key, question.subject) if question.subject is not None else None
    case = _case(registry, key, question, tag=tag, individual=individual, now=now, duties=duties)
    refused = standing(key, registry, now)
    first = Finding(name="key", demands=_DEMANDS_KEY, reason=None if refused is None else refused.reason)
    findings = (first, *explain(case))
    reason = next((finding.reason for finding in findings if finding.reason is not None), None)
    passes, reveals = granted(case)
    return Explained(
        permitted=reason is None,
        reason=reason,
        findings=findings,
        passes=tuple(sorted(passes)),
        reveals=reveals,
    )


def table(registry: Registry, *, now: datetime, duties: KnownDuties) -> dict[Use, str]:
    """Return every use of every key with `permitted` or its reason.

    Raises:
        NotAllowed: there are more than `MOST_ROWS`; a cut table would look like a whole one.
    """
    found: dict[Use, str] = {}
    for use, case in _uses(registry, now, duties):
        if len(found) == MOST_ROWS:
            raise NotAllowed(
                "table_too_large",
                what=f"The table would have more than {MOST_ROWS} rows.",
                why="A cut table would look like a whole one.",
                fix="Ask about single calls with `wardkeep policy explain`.",
                status=409,
            )
        refused = standing(case.key, registry, now)
        reasons = [refused.reason] if refused is not None else [f.reason for f in explain(case) if f.reason is not None]
        found[use] = reasons[0].value if reasons else "permitted"
    return found


def differences(before: dict[Use, str], after: dict[Use, str]) -> list[dict[str, str]]:
    """Return the uses that two tables answer differently; one that is absent says so."""
    return [
        {
            "key": use.key,
            "person": use.person,
            "purpose": use.purpose,
            "model": use.model,
            "before": before.get(use, "absent"),
            "after": after.get(use, "absent"),
        }
        for use in sorted(before.keys() | after.keys())
        if before.get(use) != after.get(use)
    ]


def imagined(
    registry: Registry,
    *,
    workspace: Workspace | None,
    roles: dict[str, frozenset[Role]],
    disabled_people: frozenset[str],
    revoked_keys: frozenset[str],
    disabled_applications: frozenset[str],
    closed_workspaces: frozenset[str],
) -> Registry:
    """Return the registry with the changes made; the real one is untouched. Raises NotAllowed for unknown names."""
    for names, known, noun, listing in (
        (roles.keys() | disabled_people, registry.people.keys(), "person", "wardkeep user list"),
        (revoked_keys, registry.keys.keys(), "key", "wardkeep key list"),
        (disabled_applications, registry.applications.keys(), "application", "wardkeep application list"),
        (closed_workspaces, registry.workspaces.keys(), "workspace", "wardkeep workspace list"),
    ):
        if not names <= known:
            raise unknown(noun, listing)
    people = {name: replace(person, roles=roles.get(name, person.roles)) for name, person in registry.people.items()}
    people |= {name: replace(people[name], is_active=False) for name in disabled_people}
    workspaces = {**registry.workspaces, **({workspace.id: replace(workspace, is_active=True)} if workspace else {})}
    workspaces |= {name: replace(workspaces[name], is_active=False) for name in closed_workspaces}
    return replace(
        registry,
        people=people,
        workspaces=workspaces,
        keys={**registry.keys, **{name: replace(registry.keys[name], is_revoked=True) for name in revoked_keys}},
        applications={
            **registry.applications,
            **{name: replace(registry.applications[name], is_active=False) for name in disabled_applications},
        },
    )


async def registry_at(ledger: Ledger, entries: EntryMaker, index: int) -> Registry:
    """Return the registry as it was right after the entry at `index`, from the ledger alone.

    Raises:
        NotAllowed: the ledger is shorter.
        EntryUnopenable, RecordUnreadable: a control entry cannot be read.
        LedgerUnavailable: the disk does not answer.
    """
    if not 0 <= index < (await ledger.head()).size:
        raise invalid("index", "the index of an entry; `wardkeep audit head` shows how many there are")
    registry = Registry(epoch=0)
    async for entry in ledger.scan(0, index + 1):
        if peek(entry.header).type == "control" and entry.payload is not None:
            changes = stamped(decode_payload(entries.opened(entry.header, entry.payload)), entry.index)
            registry = apply(registry, changes, epoch=entry.index + 1)
    return registry


def _case(
    registry: Registry,
    key: ApiKey,
    question: Question,
    *,
    tag: str | None,
    individual: str | None,
    now: datetime,
    duties: KnownDuties,
) -> Case:
    zone = "UTC" if registry.organisation is None else registry.organisation.zone
    assurance = Assurance.VERIFIED if question.is_verified else Assurance.ASSERTED
    return case_of(
        registry=registry,
        now=now,
        key=key,
        application=registry.applications.get(key.application) if key.application is not None else None,
        person=registry.people.get(question.person) if question.person is not None else None,
        stated_person=question.person is not None,
        assurance=assurance if question.person is not None else Assurance.NOBODY,
        second_factor_at=question.second_factor_at,
        purpose=question.purpose,
        model=question.model,
        fields=question.fields,
        subject=question.subject,
        subject_tag=tag,
        data_classes=question.data_classes,
        training_overdue=duties.training_overdue,
        policies_unsigned=duties.policies_unsigned,
        individual_tag=individual,
        today=now.astimezone(ZoneInfo(zone)).date(),
    )


def _uses(registry: Registry, now: datetime, duties: KnownDuties) -> Iterator[tuple[Use, Case]]:
    for name, key in sorted(registry.keys.items()):
        workspace = registry.workspaces.get(key.workspace)
        for person in _people(registry, key, workspace):
            for purpose in sorted(key.purposes):
                for model in sorted(key.models):
                    use = Use(key=name, person=person or "-", purpose=purpose.value, model=model)
                    question = Question(
                        key=name,
                        model=model,
                        purpose=purpose.value,
                        subject="somebody",
                        person=person,
                        is_verified=workspace is not None and Requirement.VERIFIED_PERSON in workspace.requires,
                        second_factor_at=now if person is not None else None,
                        data_classes=(),
                        fields=_PLAIN_FIELDS,
                    )
                    # Somebody who is nobody's handle: no restriction is about them, and the usual consent is there.
                    case = _case(registry, key, question, tag=None, individual="", now=now, duties=duties)
                    team, consents = _usual_team(key.workspace, person), _usual_consent(key.workspace, purpose)
                    yield use, case._replace(team=team, consents=consents)


def _people(registry: Registry, key: ApiKey, workspace: Workspace | None) -> list[str | None]:
    """Return on whose behalf a key may be used: members where a person is needed or may be named."""
    application = registry.applications.get(key.application) if key.application is not None else None
    demands = workspace.requires if workspace is not None else frozenset[Requirement]()
    is_needed = not demands.isdisjoint({Requirement.PERSON, Requirement.VERIFIED_PERSON})
    members: list[str | None] = [*sorted(workspace.members)] if workspace is not None else []
    if is_needed:
        return members or [None]
    return [None, *members] if application is not None and application.may_assert_person else [None]


def _usual_consent(workspace: str, purpose: Purpose) -> tuple[Consent, ...]:
    consent = Consent(
        id="",
        kind=ConsentKind.TREATMENT_PAYMENT_OPERATIONS,
        purposes=frozenset({purpose}),
        disclosers=frozenset({workspace}),
        recipients=None,
        signed_on=date.min,
        until=None,
        document_sha256="",
        recorded_by="",
        confirmed_by="",
    )
    return (consent,)


def _usual_team(workspace: str, person: str | None) -> CareTeam | None:
    if person is None:
        return None
    return CareTeam(
        id="",
        workspace=workspace,
        members={person: frozenset({Relationship.CARE_TEAM})},
    )
