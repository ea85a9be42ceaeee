"""The part of the control API for substance use disorder records: consents, sources, orders (42 CFR Part 2)."""

from functools import partial
from typing import Final

from wardkeep.compliance import part2
from wardkeep.compliance import part2_forms as form
from wardkeep.compliance.forms import ReasonForm
from wardkeep.identity.keys import individual_tag
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_CONSENT: Final = Permission.CARE_TEAM_CHANGE
_SOURCE: Final = Permission.WORKSPACE_CHANGE
_ORDER: Final = Permission.DISCLOSURE_RECORD


async def _list_consents(asked: Asked) -> object:
    return {"consents": part2.consents_view(asked.registry, today(asked))}


async def _record_consent(asked: Asked, filled: form.ConsentForm) -> object:
    plan = partial(
        part2.record_consent,
        consent=filled.consent(),
        individual=individual_tag(asked.app.keys.api_key_key, filled.subject),
        subject=asked.app.shredder.tag(subject=filled.subject, tag=None),
        today=today(asked),
    )
    return await change(asked, "consent.add", filled.reason, plan, id=filled.id)


async def _confirm_consent(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(part2.confirm_consent, consent=asked.words[0], today=today(asked))
    return await change(asked, "consent.confirm", filled.reason, plan)


async def _revoke_consent(asked: Asked, filled: form.ConsentEndForm) -> object:
    plan = partial(part2.revoke_consent, consent=asked.words[0], on=filled.on, today=today(asked))
    return await change(asked, "consent.revoke", filled.reason, plan)


async def _list_sources(asked: Asked) -> object:
    return {"sources": part2.sources_view(asked.registry, today(asked))}


async def _tag(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "source.tag", filled.reason, partial(part2.tag_source, source=asked.words[0]))


async def _clear(asked: Asked, filled: form.ClearingForm) -> object:
    plan = partial(part2.propose_clearing, source=asked.words[0], until=filled.until, today=today(asked))
    return await change(asked, "source.clear", filled.reason, plan)


async def _approve(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(part2.approve_clearing, source=asked.words[0], today=today(asked))
    return await change(asked, "source.approve", filled.reason, plan)


async def _list_orders(asked: Asked) -> object:
    day = today(asked)
    return {"orders": [part2.order_view(each, day) for _, each in sorted(asked.registry.court_orders.items())]}


async def _record_order(asked: Asked, filled: form.OrderForm) -> object:
    plan = partial(
        part2.record_order,
        order=filled.id,
        subject=asked.app.shredder.tag(subject=filled.subject, tag=None),
        document_sha256=filled.document_sha256,
        until=filled.until,
        issued_on=filled.issued_on,
        today=today(asked),
    )
    return await change(asked, "order.add", filled.reason, plan, id=filled.id)


async def _confirm_order(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "order.confirm", filled.reason, partial(part2.confirm_order, order=asked.words[0]))


async def _end_order(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "order.end", filled.reason, partial(part2.end_order, order=asked.words[0]))


PART2_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("part2/consents", Permission.LEDGER_READ, "consent.list", _list_consents),
    post_route("part2/consents", _CONSENT, "consent.add", form.ConsentForm, _record_consent),
    post_route("part2/consents/{}/confirm", _CONSENT, "consent.confirm", ReasonForm, _confirm_consent),
    post_route("part2/consents/{}/revoke", _CONSENT, "consent.revoke", form.ConsentEndForm, _revoke_consent),
    get_route("part2/sources", Permission.REGISTRY_READ, "source.list", _list_sources),
    post_route("part2/sources/{}/tag", _SOURCE, "source.tag", ReasonForm, _tag),
    post_route("part2/sources/{}/clear", _SOURCE, "source.clear", form.ClearingForm, _clear),
    post_route("part2/sources/{}/approve", Permission.AGREEMENT_ACTIVATE, "source.approve", ReasonForm, _approve),
    get_route("part2/orders", Permission.LEDGER_READ, "order.list", _list_orders),
    post_route("part2/orders", _ORDER, "order.add", form.OrderForm, _record_order),
    post_route("part2/orders/{}/confirm", _ORDER, "order.confirm", ReasonForm, _confirm_order),
    post_route("part2/orders/{}/end", _ORDER, "order.end", ReasonForm, _end_order),
)
