"""The part of the control API for vendors beside their agreements: evidence, notices, close-outs, coverage."""

from functools import partial
from typing import Final

from wardkeep.compliance import oversight
from wardkeep.compliance import oversight_forms as form
from wardkeep.compliance.forms import ReasonForm
from wardkeep.policy.roles import Permission
from wardkeep.storage.search_sqlite import Criteria
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_VENDOR: Final = Permission.VENDOR_CHANGE
_CHECK: Final = Permission.AGREEMENT_ACTIVATE
_READ: Final = Permission.REGISTRY_READ


async def _list_evidence(asked: Asked) -> object:
    day, held = today(asked), sorted(asked.registry.vendor_evidence.items())
    return {
        "evidence": [oversight.evidence_view(each, day) for _, each in held],
        "unverified": list(oversight.unverified(asked.registry, day)),
    }


async def _add_evidence(asked: Asked, filled: form.EvidenceForm) -> object:
    plan = partial(oversight.add_evidence, evidence=filled.evidence(), today=today(asked))
    return await change(asked, "vendor.evidence", filled.reason, plan, id=filled.id)


async def _check_evidence(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(oversight.check_evidence, evidence=asked.words[0])
    return await change(asked, "vendor.check", filled.reason, plan)


async def _withdraw_evidence(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(oversight.withdraw_evidence, evidence=asked.words[0])
    return await change(asked, "vendor.withdraw", filled.reason, plan)


async def _list_notices(asked: Asked) -> object:
    day = today(asked)
    return {"notices": [oversight.notice_view(each, day) for _, each in sorted(asked.registry.vendor_notices.items())]}


async def _take_notice(asked: Asked, filled: form.VendorNoticeForm) -> object:
    plan = partial(
        oversight.take_notice,
        notice=filled.id,
        vendor=filled.vendor,
        kind=filled.kind,
        received_on=filled.received_on,
        today=today(asked),
    )
    return await change(asked, "vendor.notice", filled.reason, plan, id=filled.id)


async def _settle_notice(asked: Asked, filled: form.SettlementForm) -> object:
    plan = partial(
        oversight.settle_notice,
        notice=asked.words[0],
        incident=filled.incident,
        is_none=filled.is_none,
        today=today(asked),
    )
    return await change(asked, "vendor.settle", filled.reason, plan)


async def _list_close_outs(asked: Asked) -> object:
    return {"close_outs": oversight.close_outs_view(asked.registry, today(asked))}


async def _close_out(asked: Asked, filled: form.CloseOutForm) -> object:
    plan = partial(
        oversight.record_close_out,
        agreement=asked.words[0],
        disposition=filled.disposition,
        on=filled.on,
        certificate_sha256=filled.certificate_sha256,
        review_on=filled.review_on,
        today=today(asked),
    )
    return await change(asked, "vendor.closeout", filled.reason, plan)


async def _confirm_close_out(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(oversight.confirm_close_out, agreement=asked.words[0])
    return await change(asked, "vendor.closed", filled.reason, plan)


async def _certificate(asked: Asked) -> object:
    agreement = asked.words[0]
    organisation = asked.registry.organisation
    text = oversight.certificate(
        asked.registry,
        agreement=agreement,
        calls=sum(count for name, count, _, _ in await _calls(asked) if name == agreement),
        organisation="" if organisation is None else organisation.name,
        today=today(asked),
    )
    return {"certificate": text}


async def _coverage(asked: Asked) -> object:
    """Return how many calls went under which agreement; the index is asked, so it says whether it was checked."""
    found = await _calls(asked)
    index = asked.app.searcher.index
    return {
        "agreements": [
            {
                "agreement": name,
                "status": None if (held := asked.registry.agreements.get(name or "")) is None else held.status.value,
                "calls": count,
            }
            for name, count, _, _ in sorted(found, key=lambda each: each[0] or "")
        ],
        "entries": index.size,
        "is_whole": index.is_checked,
    }


async def _calls(asked: Asked) -> list[tuple[str | None, int, int, int]]:
    index = asked.app.searcher.index
    await index.follow()
    criteria = Criteria(below=index.size, words={"kind": ("request",)})
    return [(words[0], count, first, last) for words, count, first, last in await index.tally(criteria, ("baa",))]


OVERSIGHT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("vendor-evidence", _READ, "vendor.reports", _list_evidence),
    post_route("vendor-evidence", _VENDOR, "vendor.evidence", form.EvidenceForm, _add_evidence),
    post_route("vendor-evidence/{}/check", _CHECK, "vendor.check", ReasonForm, _check_evidence),
    post_route("vendor-evidence/{}/withdraw", _VENDOR, "vendor.withdraw", ReasonForm, _withdraw_evidence),
    get_route("vendor-notices", _READ, "vendor.notices", _list_notices),
    # Whoever opens the letter takes it in.
    post_route("vendor-notices", Permission.OWN_ACCOUNT, "vendor.notice", form.VendorNoticeForm, _take_notice),
    post_route(
        "vendor-notices/{}/settle", Permission.INCIDENT_CHANGE, "vendor.settle", form.SettlementForm, _settle_notice
    ),
    get_route("close-outs", _READ, "vendor.closeouts", _list_close_outs),
    get_route("close-outs/{}/certificate", Permission.LEDGER_READ, "vendor.certificate", _certificate),
    post_route("close-outs/{}", _VENDOR, "vendor.closeout", form.CloseOutForm, _close_out),
    post_route("close-outs/{}/confirm", _CHECK, "vendor.closed", ReasonForm, _confirm_close_out),
    get_route("coverage", Permission.LEDGER_READ, "vendor.coverage", _coverage),
)
