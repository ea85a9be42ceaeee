"""The part of the control API that tells what the record says of one subject (45 CFR 164.528, 164.312(b))."""

from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import disclosures
from wardkeep.compliance import report_forms as form
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.subject_reports import SubjectReports
from wardkeep.compliance.terms import clean_text, invalid
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_RECORD: Final = Permission.DISCLOSURE_RECORD


async def _accounting(asked: Asked, filled: form.AccountingForm) -> object:
    organisation = asked.registry.organisation
    if organisation is None:
        raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))
    until = filled.until or today(asked)
    if until > today(asked):
        raise invalid("day", "today or earlier")
    found = await _reports(asked).accounting(
        by=asked.by, subject=filled.subject, reason=filled.reason, until=until, zone=organisation.zone
    )
    return msgspec.to_builtins(found)


async def _who_saw(asked: Asked, filled: form.SubjectForm) -> object:
    found = await _reports(asked).who_saw(by=asked.by, subject=filled.subject, reason=filled.reason)
    return msgspec.to_builtins(found)


async def _summary(asked: Asked, filled: form.SubjectForm) -> object:
    found = await _reports(asked).summary(by=asked.by, subject=filled.subject, reason=filled.reason)
    return msgspec.to_builtins(found)


async def _list(asked: Asked) -> object:
    registry = asked.registry
    return {
        "disclosures": [form.disclosure_view(each) for _, each in sorted(registry.disclosures.items())],
        "suspensions": [form.suspension_view(each, today(asked)) for _, each in sorted(registry.suspensions.items())],
    }


async def _add(asked: Asked, filled: form.DisclosureForm) -> object:
    plan = partial(
        disclosures.record_disclosure,
        disclosure=filled.id,
        subject=_tag(asked, filled.subject),
        on=filled.on,
        recipient=filled.kind,
        words=disclosures.seal_words(
            asked.app.keys, tenant=asked.app.tenant, disclosure=filled.id, words=filled.words()
        ),
        today=today(asked),
        is_part2=filled.is_part2,
        basis=filled.basis,
        is_proceeding=filled.is_proceeding,
    )
    return await change(asked, "disclosure.add", filled.reason, plan, id=filled.id)


async def _withdraw(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(disclosures.withdraw_disclosure, disclosure=asked.words[0])
    return await change(asked, "disclosure.withdraw", filled.reason, plan)


async def _suspend(asked: Asked, filled: form.SuspensionForm) -> object:
    plan = partial(
        disclosures.suspend_accounting,
        suspension=filled.id,
        subject=_tag(asked, filled.subject),
        agency=filled.agency,
        stated_on=filled.stated_on,
        is_written=filled.is_written,
        until=filled.until,
        today=today(asked),
    )
    return await change(asked, "suspension.add", filled.reason, plan, id=filled.id)


async def _lift(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(disclosures.lift_suspension, suspension=asked.words[0])
    return await change(asked, "suspension.lift", filled.reason, plan)


def _reports(asked: Asked) -> SubjectReports:
    return SubjectReports(searcher=asked.app.searcher, tenant=asked.app.tenant)


def _tag(asked: Asked, subject: str) -> str:
    return asked.app.searcher.tag_of(clean_text(subject, "subject"))


REPORT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    # A subject is sent in a body: addresses are seen and kept.
    post_route("reports/accounting", Permission.LEDGER_OPEN, "report.accounting", form.AccountingForm, _accounting),
    post_route("reports/whosaw", Permission.LEDGER_READ, "report.whosaw", form.SubjectForm, _who_saw),
    post_route("reports/subject", Permission.LEDGER_READ, "report.subject", form.SubjectForm, _summary),
    get_route("disclosures", Permission.LEDGER_READ, "disclosure.list", _list),
    post_route("disclosures", _RECORD, "disclosure.add", form.DisclosureForm, _add),
    post_route("disclosures/{}/withdraw", _RECORD, "disclosure.withdraw", ReasonForm, _withdraw),
    post_route("suspensions", _RECORD, "suspension.add", form.SuspensionForm, _suspend),
    post_route("suspensions/{}/lift", _RECORD, "suspension.lift", ReasonForm, _lift),
)
