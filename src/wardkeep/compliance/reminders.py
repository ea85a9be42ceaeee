"""What ends is told in time: 90, 60, 30, 14, 7 and 1 days before, and once when it has ended.

Agreements, policies, training, reviews, attestations, acceptances, findings, tests and certificates. Each mark is given
once and is a ledger entry, so that it reaches every sink; what was missed while nothing ran is not given late, the mark
that counts now is. Pure but for `tend`, which the keeper calls again and again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.control import Control
from wardkeep.compliance.duties import due_days
from wardkeep.compliance.oversight import CLOSE_OUT_DAYS, current
from wardkeep.compliance.records import Change, Kind
from wardkeep.model.instant import Instant
from wardkeep.model.registry import AgreementStatus, Registry
from wardkeep.model.reminder import Given, Reminder

MARKS: Final = (90, 60, 30, 14, 7, 1)
ENDED: Final = 0
HOST: Final = "host"
# One entry carries no more, so that its payload stays small; the rest follows in the next.
_MOST_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One thing that ends: `last_day` is the last one on which it counts."""

    kind: str
    about: str
    last_day: date

    @property
    def id(self) -> str:
        """The record's id: another last day is another thing to remind of."""
        return f"{self.kind}:{self.about}:{self.last_day.isoformat()}"


def endings(registry: Registry, *, certificate_until: date | None = None) -> Iterator[Ending]:
    """Yield everything on record that ends on a day and is not over for another reason."""
    yield from _contracts(registry)
    yield from _credentials(registry)
    yield from _programme(registry)
    yield from _looked_at(registry)
    yield from _training(registry)
    if certificate_until is not None:
        yield Ending(kind="certificate", about="tls", last_day=certificate_until)


def _contracts(registry: Registry) -> Iterator[Ending]:
    for agreement in registry.agreements.values():
        if agreement.status in {AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED} and agreement.expires_on is not None:
            yield Ending(kind="agreement", about=agreement.id, last_day=agreement.expires_on)
    for acceptance in registry.acceptances.values():
        if acceptance.activated_by is not None and acceptance.withdrawn_by is None:
            yield Ending(kind="acceptance", about=acceptance.id, last_day=acceptance.until)
    for determination in registry.determinations.values():
        if determination.ended_by is None:
            yield Ending(kind="determination", about=determination.id, last_day=determination.expires_on)
    for use in registry.data_uses.values():
        if use.ended_by is None and use.expires_on is not None:
            yield Ending(kind="data_use", about=use.id, last_day=use.expires_on)


def _credentials(registry: Registry) -> Iterator[Ending]:
    yield from _of_vendors(registry)
    for key in registry.keys.values():
        if not key.is_revoked and key.expires_at is not None:
            yield Ending(kind="key", about=key.id, last_day=key.expires_at.date())
    for shown in registry.certificates.values():
        if not shown.is_revoked:
            yield Ending(kind="client_certificate", about=shown.id, last_day=shown.not_after.date())


def _of_vendors(registry: Registry) -> Iterator[Ending]:
    """Yield what stands about vendors, and what waits for somebody; a day that is not known is no ending."""
    for evidence in current(registry):
        yield Ending(kind="vendor_evidence", about=evidence.id, last_day=evidence.until)
    for notice in registry.vendor_notices.values():
        if notice.is_open:
            yield Ending(kind="vendor_notice", about=notice.id, last_day=notice.due_on)
    for close_out in registry.close_outs.values():
        if close_out.review_on is not None:
            yield Ending(kind="close_out", about=close_out.id, last_day=close_out.review_on)
    for agreement in registry.agreements.values():
        ended = agreement.terminated_on
        if ended is not None and agreement.id not in registry.close_outs:
            last_day = ended + timedelta(days=CLOSE_OUT_DAYS)
            yield Ending(kind="close_out", about=agreement.id, last_day=last_day)


def _programme(registry: Registry) -> Iterator[Ending]:
    for policy in registry.policies.values():
        if policy.in_force is not None:
            yield Ending(kind="policy", about=policy.id, last_day=policy.in_force.review_on)
    for risk in registry.risks.values():
        yield Ending(kind="risk", about=risk.id, last_day=risk.until)
    for asset in registry.assets.values():
        if asset.disposed_on is None and asset.attested_until is not None:
            yield Ending(kind="asset", about=asset.id, last_day=asset.attested_until)
    for case in registry.uses.values():
        if case.approved_by is not None:
            yield Ending(kind="use", about=case.id, last_day=case.review_on)
    for decision in registry.decisions.values():
        if decision.approved_by is not None:
            yield Ending(kind="decision", about=decision.id, last_day=decision.until)


def _looked_at(registry: Registry) -> Iterator[Ending]:
    for campaign in registry.reviews.values():
        if campaign.closed_at is None:
            yield Ending(kind="access_review", about=campaign.id, last_day=campaign.due_at.date())
    for finding in registry.findings.values():
        if finding.closed_on is None:
            yield Ending(kind="finding", about=finding.id, last_day=finding.due_on)
    for test in registry.outside_tests.values():
        yield Ending(kind="outside_test", about=test.id, last_day=test.expires_on)


def _training(registry: Registry) -> Iterator[Ending]:
    """Yield courses by their last day, never by person: who is meant is the training report's affair."""
    found = {
        (rule.id, day)
        for person in registry.people.values()
        if person.is_active
        for rule, day in due_days(registry, person)
    }
    for course, day in sorted(found):
        yield Ending(kind="training", about=course, last_day=day)


def mark_of(left: int) -> int | None:
    """Return the mark that counts with so many days left, or None when it is too early to say anything."""
    if left < 0:
        return ENDED
    return next((mark for mark in reversed(MARKS) if left <= mark), None)


def due(registry: Registry, today: date, *, certificate_until: date | None = None) -> tuple[Change, ...]:
    """Return the reminders to give now, the most urgent first."""
    changes: list[tuple[date, Change]] = []
    for ending in endings(registry, certificate_until=certificate_until):
        mark = mark_of((ending.last_day - today).days)
        held = registry.reminders.get(ending.id)
        if mark is None or (held is not None and any(each.mark <= mark for each in held.given)):
            continue
        if held is None:
            if mark == ENDED:
                continue  # it was over before anybody could be told; that it is shows where it counts
            held = Reminder(id=ending.id, kind=ending.kind, about=ending.about, last_day=ending.last_day)
        record = replace(held, given=(*held.given, Given(mark=mark, on=today)))
        changes.append((ending.last_day, Change(kind=Kind.REMINDERS, id=ending.id, record=record)))
    return tuple(change for _, change in sorted(changes, key=lambda each: (each[0], each[1].id)))


async def tend(control: Control, clock: Callable[[], Instant], *, certificate_until: date | None = None) -> int:
    """Give every reminder that is due, each once; return how many. Raises LedgerUnavailable, NotAllowed."""
    given = 0
    while True:
        organisation = control.registry.organisation
        if organisation is None:
            return given
        today = clock().day_in(organisation.zone)
        waiting = len(due(control.registry, today, certificate_until=certificate_until))
        if not waiting:
            return given

        def plan(registry: Registry, today: date = today) -> Sequence[Change]:
            return due(registry, today, certificate_until=certificate_until)[:_MOST_AT_ONCE]

        await control.change(by=HOST, action="reminder.give", reason="a last day comes nearer", plan=plan)
        given += min(waiting, _MOST_AT_ONCE)


def reminders_view(registry: Registry, today: date, *, within_days: int = 90) -> list[dict[str, object]]:
    """Return what ends within so many days or has ended, with the marks that were given."""
    rows = []
    for ending in endings(registry):
        left = (ending.last_day - today).days
        if left > within_days:
            continue
        held = registry.reminders.get(ending.id)
        rows.append(
            {
                "id": ending.id,
                "kind": ending.kind,
                "about": ending.about,
                "last_day": ending.last_day.isoformat(),
                "days_left": left,
                "given": []
                if held is None
                else [{"mark": each.mark, "on": each.on.isoformat()} for each in held.given],
            }
        )
    return sorted(rows, key=lambda each: (str(each["last_day"]), str(each["id"])))
