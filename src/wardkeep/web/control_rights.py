"""The part of the control API for individuals: requests, restrictions, representatives (45 CFR 164.502(g), 164.522).

A handle comes in a body and is kept as a blind index: as headers show it, and as the road knows it.
"""

from functools import partial
from typing import Final

from wardkeep.compliance import grounds, representatives, restrictions, rights
from wardkeep.compliance import rights_forms as form
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.terms import unknown
from wardkeep.crypto.mac import sha256
from wardkeep.identity.keys import individual_tag
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_CHANGE: Final = Permission.INCIDENT_CHANGE
_READ: Final = Permission.LEDGER_READ
_OWN: Final = Permission.OWN_ACCOUNT


async def _list_requests(asked: Asked) -> object:
    day = today(asked)
    return {"requests": [rights.request_view(each, day) for _, each in sorted(asked.registry.rights.items())]}


async def _to_review(asked: Asked) -> object:
    """Return the denials that wait for this person's review."""
    day = today(asked)
    mine = [
        each
        for _, each in sorted(asked.registry.rights.items())
        if each.review is not None and each.review.reviewer == asked.by.id and each.review.decided_on is None
    ]
    return {"requests": [rights.request_view(each, day) for each in mine]}


async def _grounds(_: Asked) -> object:
    return {"grounds": grounds.grounds_view()}


async def _take(asked: Asked, filled: form.RequestForm) -> object:
    named = bool(filled.subject)
    plan = partial(
        rights.take_request,
        request=filled.id,
        kind=filled.right,
        # The tag that headers and key names carry: what is asked for is found by it, and kept while it is open.
        subject=_tag(asked, filled.subject) if named else "",
        individual=individual_tag(asked.app.keys.api_key_key, filled.subject) if named else "",
        received_on=filled.received_on,
        today=today(asked),
        through=filled.through,
        is_paid_in_full=filled.paid_in_full,
        entries=filled.entries,
    )
    return await change(asked, "right.take", filled.reason, plan, id=filled.id)


def _tag(asked: Asked, subject: str) -> str:
    return asked.app.shredder.tag(subject=subject, tag=None)


async def _extend(asked: Asked, filled: form.OnForm) -> object:
    plan = partial(rights.extend_request, request=asked.words[0], on=filled.on, today=today(asked))
    return await change(asked, "right.extend", filled.reason, plan)


async def _record_set(asked: Asked, filled: form.RecordSetForm) -> object:
    plan = partial(rights.decide_record_set, request=asked.words[0], record_set=filled.record_set)
    return await change(asked, "right.set", filled.reason, plan)


async def _answer(asked: Asked, filled: form.AnswerForm) -> object:
    plan = partial(
        rights.answer_request,
        request=asked.words[0],
        outcome=filled.outcome,
        on=filled.on,
        today=today(asked),
        ground=filled.ground,
        terms=filled.terms(),
    )
    return await change(asked, "right.answer", filled.reason, plan)


async def _ask_review(asked: Asked, filled: form.DenialReviewForm) -> object:
    plan = partial(
        rights.ask_review, request=asked.words[0], reviewer=filled.reviewer, on=filled.on, today=today(asked)
    )
    return await change(asked, "right.review", filled.reason, plan)


async def _decide_review(asked: Asked, filled: form.ReviewedForm) -> object:
    plan = partial(rights.decide_review, request=asked.words[0], is_overturned=filled.is_overturned, today=today(asked))
    return await change(asked, "right.reviewed", filled.reason, plan)


async def _disagree(asked: Asked, filled: form.OnForm) -> object:
    plan = partial(rights.disagree, request=asked.words[0], on=filled.on, today=today(asked))
    return await change(asked, "right.disagree", filled.reason, plan)


async def _rebut(asked: Asked, filled: form.OnForm) -> object:
    plan = partial(rights.rebut, request=asked.words[0], on=filled.on, today=today(asked))
    return await change(asked, "right.rebut", filled.reason, plan)


async def _letter(asked: Asked, filled: form.DenialLetterForm) -> object:
    found = asked.registry.rights.get(asked.words[0])
    if found is None:
        raise unknown("request", "wardkeep rights list")
    organisation = asked.registry.organisation
    text = grounds.denial_letter(
        found,
        organisation="" if organisation is None else organisation.name,
        contact=filled.contact,
        secretary=filled.secretary,
    )
    # The letter is people's to keep; that this text was made is on record by its hash.
    digest = sha256(text.encode()).hex()
    reason = f"{filled.reason} [letter {digest}]"
    plan = partial(rights.note_letter, request=asked.words[0])
    return await change(asked, "right.letter", reason, plan, letter=text, sha256=digest)


async def _list_restrictions(asked: Asked) -> object:
    return {"restrictions": restrictions.restrictions_view(asked.registry)}


async def _end_restriction(asked: Asked, filled: form.EndRestrictionForm) -> object:
    request = asked.words[0]
    plan = partial(
        restrictions.end_restriction,
        individual=restrictions.individual_of(asked.registry, request),
        request=request,
        end=filled.end,
        on=filled.on,
        today=today(asked),
    )
    return await change(asked, "restriction.end", filled.reason, plan)


async def _list_channels(asked: Asked) -> object:
    return {"channels": [restrictions.channel_view(each) for _, each in sorted(asked.registry.channels.items())]}


async def _end_channel(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(restrictions.end_channel, request=asked.words[0])
    return await change(asked, "channel.end", filled.reason, plan)


async def _list_representatives(asked: Asked) -> object:
    day = today(asked)
    held = sorted(asked.registry.representatives.items())
    return {"representatives": [representatives.representative_view(each, day) for _, each in held]}


async def _represent(asked: Asked, filled: form.RepresentativeForm) -> object:
    plan = partial(
        representatives.record_representative,
        representative=filled.id,
        subject=_tag(asked, filled.subject),
        capacity=filled.capacity,
        document_sha256=filled.document_sha256,
        until=filled.until,
        today=today(asked),
    )
    return await change(asked, "representative.add", filled.reason, plan, id=filled.id)


async def _confirm(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(representatives.confirm_representative, representative=asked.words[0])
    return await change(asked, "representative.confirm", filled.reason, plan)


async def _end_representative(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(representatives.end_representative, representative=asked.words[0])
    return await change(asked, "representative.end", filled.reason, plan)


async def _list_minors(asked: Asked) -> object:
    day = today(asked)
    held = sorted(asked.registry.minor_care.items())
    return {"minor_care": [representatives.minor_care_view(each, day) for _, each in held]}


async def _minor(asked: Asked, filled: form.MinorCareForm) -> object:
    plan = partial(
        representatives.record_minor_care,
        care=filled.id,
        subject=_tag(asked, filled.subject),
        basis=filled.basis,
        citation=filled.citation,
        until=filled.until,
        today=today(asked),
    )
    return await change(asked, "minor.add", filled.reason, plan, id=filled.id)


async def _end_minor(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(representatives.end_minor_care, care=asked.words[0])
    return await change(asked, "minor.end", filled.reason, plan)


RIGHTS_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("rights", _READ, "right.list", _list_requests),
    get_route("rights/to-review", _OWN, "right.mine", _to_review),
    get_route("rights/grounds", _OWN, "right.grounds", _grounds),
    # A request counts from the day anybody of the workforce received it.
    post_route("rights", _OWN, "right.take", form.RequestForm, _take),
    post_route("rights/{}/extend", _CHANGE, "right.extend", form.OnForm, _extend),
    post_route("rights/{}/record-set", _CHANGE, "right.set", form.RecordSetForm, _record_set),
    post_route("rights/{}/answer", _CHANGE, "right.answer", form.AnswerForm, _answer),
    post_route("rights/{}/letter", _CHANGE, "right.letter", form.DenialLetterForm, _letter),
    post_route("rights/{}/review", _CHANGE, "right.review", form.DenialReviewForm, _ask_review),
    # Only who was named may: that is asked with the request in hand.
    post_route("rights/{}/reviewed", _OWN, "right.reviewed", form.ReviewedForm, _decide_review),
    post_route("rights/{}/disagree", _CHANGE, "right.disagree", form.OnForm, _disagree),
    post_route("rights/{}/rebut", _CHANGE, "right.rebut", form.OnForm, _rebut),
    get_route("restrictions", _READ, "restriction.list", _list_restrictions),
    post_route("restrictions/{}/end", _CHANGE, "restriction.end", form.EndRestrictionForm, _end_restriction),
    get_route("channels", _READ, "channel.list", _list_channels),
    post_route("channels/{}/end", _CHANGE, "channel.end", ReasonForm, _end_channel),
    get_route("representatives", _READ, "representative.list", _list_representatives),
    post_route("representatives", _CHANGE, "representative.add", form.RepresentativeForm, _represent),
    post_route("representatives/{}/confirm", _CHANGE, "representative.confirm", ReasonForm, _confirm),
    post_route("representatives/{}/end", _CHANGE, "representative.end", ReasonForm, _end_representative),
    get_route("minor-care", _READ, "minor.list", _list_minors),
    post_route("minor-care", _CHANGE, "minor.add", form.MinorCareForm, _minor),
    post_route("minor-care/{}/end", _CHANGE, "minor.end", ReasonForm, _end_minor),
)
