"""Stage 4: read every field of the request, and replace what identifies (45 CFR 164.502(b), 164.514).

The grammar of the wire format walks the whole document; every text leaf of every message, tool argument, tool result,
tool schema and history is examined in one pass, so that the same person is the same surrogate throughout. What was not
read is refused by name; a detector that fails refuses the call.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Final

import orjson

from wardkeep.crypto.mac import is_equal, mac
from wardkeep.gateway.origins import origins
from wardkeep.model.guard import GuardAction, GuardTerms, Origin
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.spans import IdentifierType, Leaf, LeafKind
from wardkeep.model.stages import Call, Permitted, Safe, SafeBody, ShiftedDates
from wardkeep.model.wire import anthropic_messages, openai_chat, openai_embeddings, openai_responses
from wardkeep.model.wire.grammar import Reading, Record, SignedBlock, read
from wardkeep.policy.guard import terms_for
from wardkeep.privacy.deidentify import Deidentified, deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable
from wardkeep.privacy.installed import installed_screen
from wardkeep.privacy.policies.policy import Action, PrivacyPolicy, interactive
from wardkeep.privacy.prompt.answer import mark_of
from wardkeep.privacy.reviewed import is_reviewed
from wardkeep.privacy.shift import days_from
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.synthetic import is_declared, is_reserved
from wardkeep.privacy.treatment import Treated, Treatment, allowed_by, treat

_GRAMMARS: Final[dict[Surface, Record]] = {
    Surface.OPENAI_CHAT: openai_chat.REQUEST,
    Surface.OPENAI_RESPONSES: openai_responses.REQUEST,
    Surface.OPENAI_EMBEDDINGS: openai_embeddings.REQUEST,
    Surface.ANTHROPIC_MESSAGES: anthropic_messages.REQUEST,
    Surface.ANTHROPIC_COUNT_TOKENS: anthropic_messages.COUNT_TOKENS,
}
_DROPPED_BETAS: Final = anthropic_messages.DROPPED_BETAS
_WRAPPED: Final = "wk1."
_REMOVED: Final = "[removed: looked like an injected instruction]"


def make_safe(
    permitted: Permitted,
    detector: Detector,
    surrogate_key: Secret[bytes],
    strict_detector: Callable[[], Detector] | None = None,
) -> Safe | Refused:
    """Return the call as a vendor may see it, or the reason it may not be seen.

    `strict_detector` gives the other detector, which routes with the strict policy need; without one they are refused.
    """
    call = permitted.identified.call
    conversation_key = _conversation_key(permitted, surrogate_key)
    try:
        reading = read(call.document, _GRAMMARS[call.surface])
        _check_betas(call)
        guard = terms_for(
            permitted.facts.registry, workspace=permitted.identified.key.workspace, model=permitted.route.model
        )
        by_ordinal = origins(call.document.value)
        signals, masked = _screened(permitted, reading, guard, surrogate_key, by_ordinal)
        signed = {block.signature_ordinal: unwrap_signature(block, conversation_key) for block in reading.thinking}
        policy = interactive(permitted.route.policy, permitted.route.actions)
        if policy.detector == "strict":
            if strict_detector is None:
                return Refused(reason=Reason.DETECTOR_FAILED)
            detector = strict_detector()
        days = (
            days_from(_dates_key(permitted, conversation_key, surrogate_key))
            if policy.action("DATE") is Action.SHIFT
            else None
        )
        own = conversation_key.reveal()
        found = _treated(permitted, reading, policy, detector.within(own), (Surrogates(own), days))
    except RefusalError as error:
        return error.refused
    except (DetectorFailed, DetectorUnavailable):
        return Refused(reason=Reason.DETECTOR_FAILED)
    if isinstance(found, Treated) and found.blocked:
        return Refused(reason=Reason.CLASS_BLOCKED)
    if found.refused:
        return Refused(reason=_refused_kind(_all_leaves(reading), found))
    if _has_real(permitted, found, _known(reading)):
        return Refused(reason=Reason.SYNTHETIC_ONLY)
    dates = _moved_dates(found)
    if dates is not None and "thinking" in reading.features:
        # A signed block leaves byte-equal, so its dates would be shown to the reader unmoved and unmarked.
        return Refused(reason=Reason.THINKING_DATES_SHIFTED, field="thinking")
    body = _body(call, reading, found, masked | signed)
    system = {n: body.changes.get(n, leaf.text) for n, leaf in reading.leaves if by_ordinal.get(n) is Origin.SYSTEM}
    canary = None
    if guard.marked and system and call.surface is not Surface.ANTHROPIC_COUNT_TOKENS:
        canary = "wkc-" + mac(surrogate_key.reveal(), b"canary", call.id)[:8].hex()
        last = max(system)
        body.changes[last] = system[last] + mark_of(canary)
    return Safe(
        permitted=permitted,
        body=body,
        features=_features(call, reading),
        geography=_geography(reading),
        traits=frozenset(reading.traits) | {f"beta.{beta}" for beta in call.betas if beta not in _DROPPED_BETAS},
        dropped=_dropped(call, reading),
        restore=found.restore,
        counts={kind.value: count for kind, count in _counts(found).items()},
        conversation_key=conversation_key,
        dates=dates,
        signals=signals,
        guard=guard,
        canary=canary,
        system=tuple(system.values()),
    )


def _screened(
    permitted: Permitted,
    reading: Reading,
    guard: GuardTerms,
    surrogate_key: Secret[bytes],
    by_ordinal: dict[int, Origin],
) -> tuple[tuple[str, ...], dict[int, str]]:
    """Return the signals of injected instructions, and by ordinal the texts from which these were taken out.

    Raises:
        RefusalError: there are some, and the terms block them, or hold the request until somebody approves it.
        DetectorFailed: the scan broke.
    """
    if guard.injection is GuardAction.OFF:
        return (), {}
    texts = [
        (number, by_ordinal.get(ordinal, Origin.USER), leaf.text)
        for number, (ordinal, leaf) in enumerate(reading.leaves)
        if leaf.kind is LeafKind.TEXT
    ]
    found = installed_screen().assess(texts)
    if not found.signals or guard.injection is GuardAction.FLAG:
        return found.signals, {}
    if guard.injection is GuardAction.BLOCK:
        raise RefusalError(Refused(reason=Reason.PROMPT_SUSPECT, signals=found.signals))
    if guard.injection is GuardAction.APPROVE:
        _check_approved(permitted, found.signals, surrogate_key)
        return found.signals, {}
    masked: dict[int, str] = {}
    for number, spans in found.spans.items():
        ordinal, leaf = reading.leaves[number]
        text = leaf.text
        for start, end in reversed(spans):
            text = text[:start] + _REMOVED + text[end:]
        reading.leaves[number] = ordinal, Leaf(text, leaf.cue, leaf.kind)
        masked[ordinal] = text
    return found.signals, masked


def _check_approved(permitted: Permitted, signals: tuple[str, ...], surrogate_key: Secret[bytes]) -> None:
    """Return when exactly this request of this key was approved and still is. Raises RefusalError, with its tag."""
    call = permitted.identified.call
    actor = permitted.identified.actor.encode()
    tag = mac(surrogate_key.reveal(), b"prompt", actor, call.surface.encode(), call.document.raw)[:16].hex()
    approval = permitted.facts.registry.prompt_approvals.get(tag)
    if approval is None or permitted.facts.now.wall_us >= approval.until * 1_000_000:
        raise RefusalError(Refused(reason=Reason.PROMPT_HELD, signals=signals, tag=tag))


def _treated(
    permitted: Permitted,
    reading: Reading,
    policy: PrivacyPolicy,
    detector: Detector,
    own: tuple[Surrogates, int | None],
) -> Deidentified | Treated:
    """Replace what identifies; `own` are the conversation's surrogates and its shift of dates."""
    surrogates, days = own
    keep = allowed_by(permitted.route.policy) | {IdentifierType(name) for name in permitted.keeps}
    leaves, known = [_unreviewed(leaf) for leaf in _all_leaves(reading)], _known(reading)
    if not permitted.route.actions:
        # Every class that is not kept becomes a surrogate: nothing is to be told apart.
        return deidentify(leaves, detector=detector, surrogates=surrogates, keep=keep, known=known)
    treatment = Treatment(policy=policy, detector=detector, assigner=surrogates, today=permitted.facts.today, days=days)
    return treat(leaves, treatment, known=known, keep={IdentifierType(name) for name in permitted.keeps})


def _has_real(permitted: Permitted, found: Deidentified | Treated, known: tuple[str, ...]) -> bool:
    """Whether the call is of a workspace for made-up data, and holds something that could be a real person's."""
    workspace = permitted.facts.registry.workspaces.get(permitted.identified.key.workspace)
    if workspace is None or not workspace.synthetic_only:
        return False
    if known:
        return True
    if isinstance(found, Treated):
        # What its policy did with a value is not always to be undone, so the value cannot be looked at.
        return bool(found.types)
    return not all(is_reserved(each) or is_declared(each, workspace.synthetic_terms) for each in found.restore.values())


def _dates_key(permitted: Permitted, conversation_key: Secret[bytes], surrogate_key: Secret[bytes]) -> bytes:
    """Return what the shift follows from: the subject where there is one, so that it is the same in all their calls."""
    if permitted.subject is None:
        return mac(conversation_key.reveal(), b"dates")
    actor = permitted.identified.actor.encode()
    return mac(surrogate_key.reveal(), b"dates", actor, permitted.subject.encode())


def _moved_dates(found: Deidentified | Treated) -> ShiftedDates | None:
    if isinstance(found, Deidentified) or found.shift is None:
        return None
    shift = found.shift
    return ShiftedDates(
        days=shift.days, shown=dict(shift.shown), order=shift.reader.order.value, pivot=shift.reader.pivot
    )


def _counts(found: Deidentified | Treated) -> dict[IdentifierType, int]:
    return found.counts if isinstance(found, Deidentified) else found.types


def _check_betas(call: Call) -> None:
    for beta in call.betas:
        if beta not in anthropic_messages.BETAS | _DROPPED_BETAS:
            raise RefusalError(Refused(reason=Reason.BETA_UNLISTED, field="anthropic-beta"))


def _dropped(call: Call, reading: Reading) -> tuple[str, ...]:
    """Return what the request says of its client and no vendor is sent: names of members, never their values."""
    return (*sorted(reading.dropped), *(f"beta.{beta}" for beta in sorted(_DROPPED_BETAS.intersection(call.betas))))


def _features(call: Call, reading: Reading) -> frozenset[str]:
    features = reading.features
    if call.wants_stream:
        features.add("stream")
    return frozenset(features)


def _all_leaves(reading: Reading) -> list[Leaf]:
    leaves = [leaf for _, leaf in reading.leaves]
    for _, embedded in reading.embedded:
        leaves += [leaf for _, leaf in embedded.leaves]
    return leaves


def _unreviewed(leaf: Leaf) -> Leaf:
    """Return what is left to scan of a leaf: nothing of a tool definition that is listed, byte for byte, as read."""
    return Leaf("", leaf.cue, leaf.kind) if leaf.kind is LeafKind.SCHEMA and is_reviewed(leaf.text) else leaf


def _known(reading: Reading) -> tuple[str, ...]:
    _, own = reading.marks.get("wardkeep", (0, None))
    return tuple(own.get("subject_identities", ())) if isinstance(own, dict) else ()


def _refused_kind(leaves: list[Leaf], found: Deidentified | Treated) -> Reason:
    is_schema = leaves[found.refused[0]].kind.name == "SCHEMA"
    return Reason.SCHEMA_IDENTIFIES if is_schema else Reason.OPAQUE_FIELD_IDENTIFIES


def _body(call: Call, reading: Reading, found: Deidentified | Treated, signed: dict[int, str]) -> SafeBody:
    changes: dict[int, str] = dict(signed)
    texts = iter(found.texts)
    for ordinal, _ in reading.leaves:
        text = next(texts)
        if text is not None:
            changes[ordinal] = text
    for ordinal, embedded in reading.embedded:
        inner = {place: text for place, _ in embedded.leaves if (text := next(texts)) is not None}
        if inner:
            changes[ordinal] = embedded.document.replaced(inner).decode()
    may_store = call.surface in (Surface.OPENAI_CHAT, Surface.OPENAI_RESPONSES)
    return SafeBody(
        document=call.document,
        changes=changes,
        model_ordinal=reading.marks["model"][0],
        # DESIGN 11: absent `store` is sent as false, so that the vendor's default never decides.
        insert=b'"store":false' if may_store and call.document.value.get("store") is None else b"",
        without=frozenset(_never_sent(call)) | reading.dropped,
    )


def _never_sent(call: Call) -> Iterator[str]:
    """Yield our own member, and a null `store`, in whose place the vendor's default would decide."""
    body = call.document.value
    if "wardkeep" in body:
        yield "wardkeep"
    if "store" in body and body["store"] is None:
        yield "store"


def _geography(reading: Reading) -> str | None:
    _, named = reading.marks.get("inference_geo", (0, None))
    return named if isinstance(named, str) else None


def _conversation_key(permitted: Permitted, surrogate_key: Secret[bytes]) -> Secret[bytes]:
    """Return the key of this conversation's surrogates: the same over turns, workers and replicas, without state.

    Scope: the caller's Wardkeep-Conversation handle, else the subject, else the first user message; always under the
    principal, so that nobody can enter another's conversation by naming it.
    """
    call = permitted.identified.call
    if call.conversation is not None:
        scope = (b"handle", call.conversation.encode())
    elif permitted.subject is not None:
        scope = (b"subject", permitted.subject.encode())
    else:
        scope = (b"opening", _opening(call))
    return Secret(mac(surrogate_key.reveal(), permitted.identified.actor.encode(), *scope))


def _opening(call: Call) -> bytes:
    messages = call.document.value.get("messages", call.document.value.get("input"))
    if call.surface is Surface.OPENAI_EMBEDDINGS:
        # The same person is the same surrogate in all that one principal embeds, or nothing would be found again.
        return b""
    if isinstance(messages, str):
        return messages.encode()
    if isinstance(messages, list):
        for message in messages:
            if isinstance(message, dict) and message.get("role") == "user":
                return orjson.dumps(message.get("content"))
    return b""


def wrap_signature(text: str, signature: str, conversation_key: Secret[bytes]) -> str:
    """Vouch for a vendor-signed block that leaves for the client, so that it may come back unread."""
    tag = mac(conversation_key.reveal(), b"thinking", text.encode(), signature.encode())
    return f"{_WRAPPED}{base64.urlsafe_b64encode(tag).decode()}.{signature}"


def unwrap_signature(block: SignedBlock, conversation_key: Secret[bytes]) -> str:
    """Return the vendor's signature of a block we vouched for.

    Raises:
        RefusalError: the block did not leave through this conversation, or was changed since.
    """
    refusal = RefusalError(Refused(reason=Reason.FIELD_INVALID, field="signature"))
    prefix, _, rest = block.signature.partition(".")
    tag, _, signature = rest.partition(".")
    if prefix + "." != _WRAPPED:
        raise refusal
    try:
        presented = base64.urlsafe_b64decode(tag)
    except (binascii.Error, ValueError):
        raise refusal from None
    if not is_equal(presented, mac(conversation_key.reveal(), b"thinking", block.text.encode(), signature.encode())):
        raise refusal
    return signature
