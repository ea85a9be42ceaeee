"""The part of the control API for incidents and breaches (45 CFR 164.308(a)(6), 164.402 to 164.414)."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from wardkeep.compliance import incident_forms as form
from wardkeep.compliance import incidents
from wardkeep.compliance.affected import affected_of
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.letters import letter
from wardkeep.compliance.records import Change
from wardkeep.compliance.restrictions import with_channels
from wardkeep.compliance.terms import invalid
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_CHANGE: Final = Permission.INCIDENT_CHANGE


async def _list(asked: Asked) -> object:
    day = today(asked)
    return {"incidents": [form.incident_view(each, day) for _, each in sorted(asked.registry.incidents.items())]}


async def _show(asked: Asked) -> object:
    return form.incident_view(incidents.find_incident(asked.registry, asked.words[0]), today(asked))


async def _log(asked: Asked) -> object:
    year = asked.query.get("year", "")
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise invalid("year", "given as ?year=YYYY")
    found = incidents.small_breaches(asked.registry, int(year))
    return {"year": int(year), "breaches": [form.incident_view(each, today(asked)) for each in found]}


async def _open(asked: Asked, filled: form.IncidentForm) -> object:
    plan = partial(
        incidents.open_incident,
        incident=filled.id,
        source=filled.source,
        known_on=filled.known_on,
        should_have_known_on=filled.should_have_known_on,
        entry=filled.entry,
        is_associate=filled.is_associate,
        now=asked.app.clock().wall,
        today=today(asked),
        size=(await asked.app.reader.ledger.head()).size,
    )
    return await change(asked, "incident.open", filled.reason, plan, id=filled.id)


async def _note(asked: Asked, filled: ReasonForm) -> object:
    return await _step(asked, "note", filled.reason, incidents.add_note)


async def _discovery(asked: Asked, filled: form.DiscoveryForm) -> object:
    plan = partial(incidents.move_discovery, should_have_known_on=filled.should_have_known_on)
    return await _step(asked, "discovery", filled.reason, plan)


async def _count(asked: Asked, filled: form.CountForm) -> object:
    reach, computed, unresolved, elsewhere = None, 0, 0, 0
    if filled.reach is not None:
        reach = filled.reach.reach()
        size = (await asked.app.reader.ledger.head()).size
        if not 0 <= reach.start < reach.stop <= size:
            raise invalid("range", f"0 or more, and at the most the ledger's {size} entries")
        found = await affected_of(asked.app.reader.ledger, reach, asked.app.searcher.index)
        computed, unresolved = len(found.subjects), found.unresolved
        elsewhere = len(with_channels(asked.registry, found.subjects))
    plan = partial(
        incidents.count_affected,
        reach=reach,
        computed=computed,
        unresolved=unresolved,
        individuals=filled.individuals,
        residents=filled.residents,
    )
    return await _step(
        asked, "count", filled.reason, plan, computed=computed, unresolved=unresolved, to_be_reached_otherwise=elsewhere
    )


async def _judge(asked: Asked, filled: form.FactorForm) -> object:
    plan = partial(incidents.judge_factor, factor=filled.factor, level=filled.level)
    return await _step(asked, "judge", filled.reason, plan)


async def _sign(asked: Asked, filled: form.ConclusionForm) -> object:
    return await _step(asked, "sign", filled.reason, partial(incidents.sign, conclusion=filled.conclusion))


async def _countersign(asked: Asked, filled: form.ConclusionForm) -> object:
    plan = partial(incidents.countersign, conclusion=filled.conclusion)
    return await _step(asked, "countersign", filled.reason, plan)


async def _delay(asked: Asked, filled: form.DelayForm) -> object:
    plan = partial(incidents.set_delay, stated_on=filled.stated_on, until=filled.until, today=today(asked))
    return await _step(asked, "delay", filled.reason, plan)


async def _notice(asked: Asked, filled: form.NoticeForm) -> object:
    plan = partial(incidents.record_notice, name=filled.name, about=filled.about, on=filled.on, today=today(asked))
    return await _step(asked, "notice", filled.reason, plan)


async def _contain(asked: Asked, filled: form.ContainForm) -> object:
    if filled.vendor is not None and filled.key is None:
        plan = partial(incidents.contain_by_suspending, vendor=filled.vendor, reason=filled.reason)
        return await _step(asked, "contain", filled.reason, plan)
    if filled.key is not None and filled.vendor is None:
        return await _step(asked, "contain", filled.reason, partial(incidents.contain_by_revoking, key=filled.key))
    raise invalid("containment", "one vendor to suspend, or one key to revoke")


async def _letter(asked: Asked, filled: form.LetterForm) -> object:
    found = incidents.find_incident(asked.registry, asked.words[0])
    organisation = asked.registry.organisation
    name = "" if organisation is None else organisation.name
    text = letter(filled.words(), organisation=name, discovered=incidents.discovery(found))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    # The letter itself is people's to keep; that this text was made, and when, is on record by its hash.
    reason = f"{filled.reason} [letter {sha256}]"
    return await _step(asked, "letter", reason, incidents.add_note, letter=text, sha256=sha256)


async def _close(asked: Asked, filled: ReasonForm) -> object:
    return await _step(asked, "close", filled.reason, incidents.close_incident)


async def _step(
    asked: Asked, action: str, reason: str, plan: Callable[..., Sequence[Change]], **shown: object
) -> object:
    """Take one step of the incident that the path names."""
    step = partial(plan, incident=asked.words[0], now=asked.app.clock().wall)
    return await change(asked, f"incident.{action}", reason, step, **shown)


INCIDENT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("incidents", Permission.LEDGER_READ, "incident.list", _list),
    get_route("incidents/{}", Permission.LEDGER_READ, "incident.show", _show),
    get_route("breaches", Permission.LEDGER_READ, "breach.list", _log, query=("year",)),
    # Everybody of the workforce reports: an incident that nobody may open is one that nobody knows.
    post_route("incidents", Permission.OWN_ACCOUNT, "incident.open", form.IncidentForm, _open),
    post_route("incidents/{}/note", _CHANGE, "incident.note", ReasonForm, _note),
    post_route("incidents/{}/discovery", _CHANGE, "incident.discovery", form.DiscoveryForm, _discovery),
    post_route("incidents/{}/count", _CHANGE, "incident.count", form.CountForm, _count),
    post_route("incidents/{}/judge", _CHANGE, "incident.judge", form.FactorForm, _judge),
    post_route("incidents/{}/sign", _CHANGE, "incident.sign", form.ConclusionForm, _sign),
    post_route("incidents/{}/countersign", _CHANGE, "incident.countersign", form.ConclusionForm, _countersign),
    post_route("incidents/{}/delay", _CHANGE, "incident.delay", form.DelayForm, _delay),
    post_route("incidents/{}/notice", _CHANGE, "incident.notice", form.NoticeForm, _notice),
    post_route("incidents/{}/contain", _CHANGE, "incident.contain", form.ContainForm, _contain),
    post_route("incidents/{}/letter", _CHANGE, "incident.letter", form.LetterForm, _letter),
    post_route("incidents/{}/close", _CHANGE, "incident.close", ReasonForm, _close),
)
