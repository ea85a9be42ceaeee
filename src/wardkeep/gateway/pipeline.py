"""The road of one AI call. Read this first.

    1. identify        who is asking                              identity.keys.identify      -> Identified
    2. gather facts    what is true now                           compliance.facts (injected)  -> Facts
    3. decide          may they, for this purpose                 policy.decide.decide         -> Permitted
    4. de-identify     read every field, replace identifiers      gateway.safe.make_safe       -> Safe
    5. choose route    an agreement that covers this exact call   routing.choose.choose        -> Routed
       prove           where the deployment must be attested      gateway.attesting.Attestor   -> Proof
    6. open the entry  durable before the vendor hears of it      gateway.record.Recorder      -> Opened
    7. call            the vendor, once an attempt                providers                    -> VendorAnswer
    8. re-identify     restore, record, then release              gateway.answers, streaming   -> Answer

Each output type is the proof that its stage ran: a provider takes `Opened`, which only the recorder makes from
`Routed`, which only `routing.choose` makes. A refusal at any stage takes the same recorder and leaves with its reason.

Facts may change while a call is decided (a suspension, a revoked key): the sequencer rejects a request that was decided
under older facts, and stages 1 to 5 run again, three times at the most. Where the route allows another attempt after a
failure (`gateway.attempts`), it takes the whole road from stage 1, and has an entry of its own.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from wardkeep.audit.errors import LedgerUnavailable, StaleFacts
from wardkeep.gateway.answers import reported_region, restore_answer, usage_of, watch_of
from wardkeep.gateway.attempts import Attempts, Failure, of_error, of_refusal, of_status
from wardkeep.gateway.attesting import Attestor, is_still_allowed
from wardkeep.gateway.files import may_have_files, read_files
from wardkeep.gateway.health import Health
from wardkeep.gateway.record import Outcome, Recorder, ledger_reason
from wardkeep.gateway.safe import make_safe
from wardkeep.gateway.streaming import EventStream
from wardkeep.identity.keys import identify
from wardkeep.identity.tokens import Tokens
from wardkeep.model.access import DataClass
from wardkeep.model.attestation import Proof
from wardkeep.model.document import parse
from wardkeep.model.part2 import NOTICE
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Registry, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Facts, Identified, Opened, Permitted, Routed, Safe
from wardkeep.policy.decide import decide
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.documents.process import FileReader
from wardkeep.privacy.prompt.answer import AnswerWatch
from wardkeep.privacy.shift import DateShift, shift_of
from wardkeep.providers.contract import Provider, VendorAnswer
from wardkeep.routing.choose import choose
from wardkeep.routing.regions import agrees
from wardkeep.transport.errors import AnswerInvalid, AnswerTooLarge, PeerKeyUnexpected, TransportError, VendorTimeout

_STALE: Final = 3
_LARGE_BYTES: Final = 8 * 1024
"""About twenty milliseconds of detection."""
_INDEX: Final = b"wardkeep-ledger-index"
_PASSED_HEADERS: Final = frozenset({b"content-type", b"request-id", b"x-request-id", b"retry-after", b"x-should-retry"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """Everything one call needs, connected by `app`. `facts_now` turns a registry into a snapshot or a refusal."""

    registry: Callable[[], Registry]
    facts_now: Callable[[Registry], Facts | Refused]
    credential_for: Callable[[Registry, str], Secret[str]]
    detector: Detector
    strict_detector: Callable[[], Detector]
    providers: dict[str, Provider]
    recorder: Recorder
    credential_mac_key: Secret[bytes]
    surrogate_key: Secret[bytes]
    refresh: Callable[[], Awaitable[None]]
    attestor: Attestor
    files: FileReader = field(default_factory=FileReader)
    tokens: Tokens
    health: Health = field(default_factory=Health)
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    reader: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="wardkeep-reader"))
    """Reads large bodies, one after the other: more at once would only take turns on one interpreter."""


class Pieces:
    """A streamed answer, its first piece already here. Whoever stops before the end calls `aclose`."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else await anext(self._rest)

    async def aclose(self) -> None:
        """End the stream: the upstream connection is cut, and the entry says what was released."""
        await self._rest.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What leaves: a whole body, or pieces that are each durable in the ledger before they are yielded."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | Pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A call turned away: the refusal and, when the ledger could record it, the index."""

    refused: Refused
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended: what leaves, and the failure when another attempt could do better."""

    said: Answer | Turned
    failure: Failure | None = None


async def handle(road: Road, call: Call) -> Answer | Turned:
    """Take one call along the road. Never raises for anything a caller or vendor did."""
    if may_have_files(call):
        read = await _with_files_read(road, call)
        if not isinstance(read, Call):
            return await _turn_away(road, call, *read)
        call = read
    attempts = Attempts(call=call)
    last: Answer | Turned | None = None
    while True:
        opened = await _open(road, call, attempts, last)
        if not isinstance(opened, Opened):
            return opened
        ended = await _call(road, opened)
        last = ended.said
        if not attempts.may_go_on(opened.routed.safe.permitted.route, ended.failure, road.recorder.clock().mono_ns):
            return ended.said


async def _with_files_read(road: Road, call: Call) -> "Call | _Turn":
    """Put the text of files in their place, for whom the road permits and where the route reads them.

    Anybody else's call goes on as it is, and is refused by the stage that it is refused by.
    """
    registry = road.registry()
    identified = identify(call, registry, road.credential_mac_key.reveal(), call.received.wall, road.tokens)
    facts = road.facts_now(registry)
    if isinstance(identified, Refused) or isinstance(facts, Refused):
        return call
    permitted = decide(identified, facts)
    if isinstance(permitted, Refused) or not permitted.route.reads_files:
        return call
    read = await read_files(call, road.files)
    return (read, identified, permitted) if isinstance(read, Refused) else read


async def _open(road: Road, call: Call, attempts: Attempts, last: Answer | Turned | None) -> Opened | Answer | Turned:
    """Run stages 1 to 6.

    A further attempt with nowhere left to go is not worth an entry: what the last vendor said says more.
    """
    for _ in range(_STALE):
        decided = await _decide(road, call, attempts)
        if not isinstance(decided, Routed):
            if last is not None and decided[2] is not None:
                return last
            return await _turn_away(road, call, *decided, attempt=attempts.number)
        name = decided.deployment.id
        if last is not None:
            again = await _further(road, call, attempts, decided)
            if again is None:
                return last
            decided = again
        proven = await _prove(road, call, attempts, decided)
        if isinstance(proven, Refused):
            permitted = decided.safe.permitted
            turned = await _turn_away(road, call, proven, permitted.identified, permitted, attempt=attempts.number)
            failure = Failure(deployment=name, is_repeatable=False)
            if attempts.may_go_on(permitted.route, failure, road.recorder.clock().mono_ns):
                return await _open(road, call, attempts, turned)
            return last or turned
        decided, proof = proven
        try:
            opened = await road.recorder.open(decided, attempt=attempts.number, proof=proof)  # 6
        except StaleFacts:
            await road.refresh()
            continue
        except RefusalError as error:
            if last is not None:
                return last  # the limits: the first attempt was admitted, so its answer stands
            permitted = decided.safe.permitted
            return await _turn_away(road, call, error.refused, permitted.identified, permitted)
        except LedgerUnavailable as error:
            return Turned(refused=Refused(reason=ledger_reason(error)), index=None)
        road.health.sent(name, road.recorder.clock().mono_ns, is_retry=name in attempts.failures)
        return opened
    return await _turn_away(road, call, Refused(reason=Reason.FACTS_CHANGING), None, None)


async def _prove(road: Road, call: Call, attempts: Attempts, decided: Routed) -> tuple[Routed, Proof | None] | Refused:
    """Prove what the deployment runs, where it must be attested, before anything of the call is sent.

    Asking takes time: what depends on it is decided again, and the connection must still be the one that was proven.
    """
    deployment, registry = decided.deployment, decided.safe.permitted.facts.registry
    if deployment.attestation is None:
        return decided, None
    held = road.attestor.held(deployment, registry)
    if held is not None:
        return decided, held
    proof = await road.attestor.prove(deployment, registry)
    if isinstance(proof, Refused):
        return proof
    again = await _decide(road, call, attempts)
    if not isinstance(again, Routed):
        return again[0]
    if again.deployment != deployment or not is_still_allowed(proof, deployment, again.safe.permitted.facts.registry):
        return Refused(reason=Reason.FACTS_CHANGING)
    return again, proof


async def look(road: Road, call: Call) -> Routed | Refused:
    """Return what a call would send and where, or why it would be refused. Nothing is recorded and nothing leaves."""
    if may_have_files(call):
        read = await _with_files_read(road, call)
        if not isinstance(read, Call):
            return read[0]
        call = read
    decided = await _decide(road, call, Attempts(call=call))
    return decided if isinstance(decided, Routed) else decided[0]


async def _further(road: Road, call: Call, attempts: Attempts, decided: Routed) -> Routed | None:
    """Return what a further attempt may send, or None when there is to be none."""
    name = decided.deployment.id
    if not await attempts.may_ask(name, road.health, road.pause):
        return None
    if name not in attempts.failures:
        return decided
    # It has waited: a day may have ended meanwhile, a glass closed, the route's time run out.
    again = await _decide(road, call, attempts)
    if not isinstance(again, Routed) or again.deployment.id != name:
        return None
    is_late = attempts.is_late(again.safe.permitted.route, road.recorder.clock().mono_ns)
    return None if is_late else again


_Turn = tuple[Refused, Identified | None, Permitted | None]


async def _decide(road: Road, call: Call, attempts: Attempts) -> Routed | _Turn:
    """Run stages 1 to 5, which only compute."""
    registry = road.registry()
    identified = identify(call, registry, road.credential_mac_key.reveal(), call.received.wall, road.tokens)  # 1
    if isinstance(identified, Refused):
        return identified, None, None
    facts = road.facts_now(registry)  # 2
    if isinstance(facts, Refused):
        return facts, identified, None
    permitted = decide(identified, facts)  # 3
    if isinstance(permitted, Refused):
        return permitted, identified, None
    safe = await _made_safe(road, permitted)  # 4
    if isinstance(safe, Refused):
        return safe, identified, permitted
    if _is_large(call) and (changed := _changed(road, identified, permitted)) is not None:
        return changed, identified, permitted
    routed = choose(safe, road.health.standing(attempts.failed, road.recorder.clock().mono_ns))  # 5
    if isinstance(routed, Refused):
        return routed, identified, permitted
    return routed


def _is_large(call: Call) -> bool:
    return len(call.document.raw) >= _LARGE_BYTES


def _changed(road: Road, identified: Identified, permitted: Permitted) -> Refused | None:
    """Return why a call that had to wait for its reading may not go on: what depends on the time is asked again."""
    facts = road.facts_now(road.registry())
    again = facts if isinstance(facts, Refused) else decide(identified, facts)
    if isinstance(again, Refused):
        return again
    return None if again.facts.today == permitted.facts.today else Refused(reason=Reason.FACTS_CHANGING)


async def _made_safe(road: Road, permitted: Permitted) -> Safe | Refused:
    """Run stage 4; a large body in a thread, or every other call of this process would wait until it is read."""
    read = partial(make_safe, permitted, road.detector, road.surrogate_key, road.strict_detector)
    if not _is_large(permitted.identified.call):
        return read()
    return await asyncio.get_running_loop().run_in_executor(road.reader, read)


async def _turn_away(
    road: Road,
    call: Call,
    refused: Refused,
    identified: Identified | None,
    permitted: Permitted | None,
    *,
    attempt: int = 1,
) -> Turned:
    """Record a refusal. Before identification it is only counted: a stranger must not fill the ledger (DESIGN 11)."""
    if identified is None:
        return Turned(refused=refused, index=None)
    try:
        index = await road.recorder.refuse(call, refused, identified, permitted, attempt=attempt)
    except LedgerUnavailable:
        return Turned(refused=refused, index=None)
    return Turned(refused=refused, index=index)


async def _call(road: Road, opened: Opened) -> Ended:
    """Stages 7 and 8. From here on the entry is open, and every way out closes it."""
    routed = opened.routed
    place, name = routed.deployment.id, routed.deployment.credential
    registry = routed.safe.permitted.facts.registry
    failure: Failure | None = None
    is_well: bool | None = False
    status: int | None = None
    try:
        credential = road.credential_for(registry, name) if name is not None else None
        upstream = await road.providers[routed.deployment.dialect].send(opened, credential)  # 7
        # Beside a reason only where the vendor refused: such an attempt costs nothing.
        status = upstream.status if upstream.status >= 400 else None
        failure = of_status(place, upstream.status, _retry_after(upstream))
        is_stream = upstream.status < 400 and routed.safe.permitted.identified.call.wants_stream
        said = await (_streamed if is_stream else _whole)(road, opened, upstream)  # 8
        is_well = failure is None
        return Ended(said=said, failure=failure)
    except TransportError as error:
        said_no = await _fail(road, opened, _reason_of(error), status=status)
        return Ended(said=said_no, failure=failure or of_error(place, error))
    except RefusalError as error:
        said_no = await _fail(road, opened, error.refused.reason, error.refused.signals, status=status)
        is_well = bool(error.refused.signals)  # the vendor answered; the guard refused what it said
        return Ended(said=said_no, failure=failure or of_refusal(place, error.refused))
    except LedgerUnavailable as error:
        is_well = None
        return Ended(said=Turned(refused=Refused(reason=ledger_reason(error)), index=_index_of(opened)))
    except asyncio.CancelledError:
        is_well = None
        await asyncio.shield(
            _abort(road, opened, Outcome(decision="client_disconnected", is_aborted=True, released_bytes=0))
        )
        raise
    finally:
        _note(road, place, failure, is_well=is_well)


def _note(road: Road, deployment: str, failure: Failure | None, *, is_well: bool | None) -> None:
    """Tell the breaker how an attempt ended; a vendor that broke off or sent garbage failed too. None says nothing."""
    if is_well:
        road.health.answered(deployment)
    elif is_well is not None:
        stay_away_ns = 0 if failure is None else int(failure.after_seconds * 1_000_000_000)
        road.health.failed(deployment, road.recorder.clock().mono_ns, stay_away_ns)


def _retry_after(upstream: VendorAnswer) -> bytes | None:
    return next((value for name, value in upstream.headers if name == b"retry-after"), None)


def _reason_of(error: TransportError) -> Reason:
    match error:
        case PeerKeyUnexpected():
            return Reason.PEER_KEY_UNEXPECTED
        case VendorTimeout():
            return Reason.VENDOR_TIMEOUT
        case AnswerTooLarge():
            return Reason.VENDOR_ANSWER_TOO_LARGE
        case AnswerInvalid():
            return Reason.VENDOR_ANSWER_INVALID
        case _:
            return Reason.VENDOR_UNREACHABLE


async def _fail(
    road: Road, opened: Opened, reason: Reason, signals: tuple[str, ...] = (), *, status: int | None = None
) -> Turned:
    outcome = Outcome(decision=reason.value, is_aborted=True, released_bytes=0, signals=signals, status=status)
    await _abort(road, opened, outcome)
    return Turned(refused=Refused(reason=reason), index=_index_of(opened))


async def _abort(road: Road, opened: Opened, outcome: Outcome) -> None:
    """Close an entry that has no answer. When the ledger is down, recovery closes it (DESIGN section 4)."""
    try:
        await road.recorder.close(opened, outcome)
    except LedgerUnavailable:
        return


async def _whole(road: Road, opened: Opened, upstream: VendorAnswer) -> Answer:
    """Read the whole answer, restore it, close the entry, then release it. Vendor errors keep their shape."""
    try:
        parts = [await upstream.read()]
        while more := await upstream.read():
            parts.append(more)
    finally:
        await upstream.close()
    safe = opened.routed.safe
    try:
        document = parse(parts[0] if len(parts) == 1 else b"".join(parts))
    except RefusalError:
        # Also an error page of something in front of the vendor: SDKs get an error in the shape they read.
        raise RefusalError(Refused(reason=Reason.VENDOR_ANSWER_INVALID)) from None
    watch = watch_of(safe, road.detector) if upstream.status < 400 else None
    tokens_in, tokens_out = usage_of(document.value)
    try:
        body = restore_answer(document, _shown(safe), safe.conversation_key, _shift(safe), watch)
    except RefusalError as error:
        # Withheld, and paid for all the same: the count is the vendor's. The first closing is the one that counts.
        withheld = Outcome(
            decision=error.refused.reason.value,
            is_aborted=True,
            released_bytes=0,
            status=upstream.status,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            signals=error.refused.signals,
        )
        await _abort(road, opened, withheld)
        raise
    region, is_right = _where(opened, upstream, document.value.get("usage"))
    outcome = Outcome(
        decision="answered" if upstream.status < 400 else "vendor_error",
        body=body,
        status=upstream.status,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        region_reported=region,
        region_agrees=is_right,
        signals=_signals(watch),
    )
    await road.recorder.close(opened, outcome)
    headers = _headers(opened, upstream, signals=outcome.signals)
    return Answer(status=upstream.status, headers=headers, body=body)


def _signals(watch: AnswerWatch | None) -> tuple[str, ...]:
    return () if watch is None else tuple(sorted(watch.signals))


def _where(opened: Opened, upstream: VendorAnswer, usage: object) -> tuple[str | None, bool]:
    """Return the region that the vendor reports, if it does, and whether it agrees with the recorded one."""
    reported = reported_region(upstream.headers, usage)
    if reported is None:
        return None, True
    region = opened.routed.deployment.region or ""
    return reported, agrees(reported, region, opened.routed.safe.permitted.facts.geography)


def _shown(safe: Safe) -> dict[str, str]:
    """Return what stands for the surrogates in the answer: nothing for those who may not see who is meant."""
    return safe.restore if safe.permitted.reveals else {}


def _headers(opened: Opened, upstream: VendorAnswer, *, signals: tuple[str, ...] = ()) -> list[tuple[bytes, bytes]]:
    """Return the vendor's headers that pass, and ours: where the proof is and what was hidden."""
    headers = [(name, value) for name, value in upstream.headers if name in _PASSED_HEADERS]
    index = _index_of(opened)
    # In an emergency the record waits in the spool; its index is given when it is merged.
    headers.append((b"wardkeep-spooled", b"%d" % (-1 - opened.index)) if index is None else (_INDEX, b"%d" % index))
    headers.append((b"wardkeep-hidden", opened.routed.safe.hidden.encode() or b"none"))
    signals = (*opened.routed.safe.signals, *signals)
    if signals:
        headers.append((b"wardkeep-signals", ",".join(signals).encode()))
    if opened.routed.safe.dates is not None:
        headers.append((b"wardkeep-dates", b"shifted"))
    if DataClass.PART2 in opened.routed.safe.permitted.data_classes:
        headers.append((b"wardkeep-notice", NOTICE.encode()))
    return headers


def _index_of(opened: Opened) -> int | None:
    return opened.index if opened.index >= 0 else None


def _shift(safe: Safe) -> DateShift | None:
    moved = safe.dates
    if moved is None:
        return None
    return shift_of(
        days=moved.days,
        shown=moved.shown,
        order=moved.order,
        pivot=moved.pivot,
        reveals=safe.permitted.reveals,
    )


async def _streamed(road: Road, opened: Opened, upstream: VendorAnswer) -> Answer:
    safe = opened.routed.safe
    events = EventStream(
        restore=_shown(safe),
        conversation_key=safe.conversation_key,
        is_anthropic=safe.permitted.identified.call.surface.is_anthropic,
        is_responses=safe.permitted.identified.call.surface is Surface.OPENAI_RESPONSES,
        shift=_shift(safe),
        watch=watch_of(safe, road.detector),
    )
    headers = [(n, v) for n, v in _headers(opened, upstream) if n != b"content-type"]
    headers += [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
    pieces = _released(road, opened, upstream, events)
    # Started here, so that whoever drops it ends it, and so that a vendor that fails at once gets a whole refusal.
    body = Pieces(await anext(pieces), pieces)
    if opened.routed.safe.permitted.route.buffer_whole:
        return Answer(status=upstream.status, headers=headers, body=b"".join([piece async for piece in body]))
    return Answer(status=upstream.status, headers=headers, body=body)


async def _released(
    road: Road, opened: Opened, upstream: VendorAnswer, events: EventStream
) -> AsyncGenerator[bytes, None]:
    """Yield pieces of the answer, each durable before it is yielded, the last after the entry is closed.

    Whatever ends the stream (the vendor, the client, the ledger), the upstream connection is closed and the entry says
    what was released.
    """
    sequence = released = 0
    outcome = Outcome(decision="client_disconnected", is_aborted=True)
    try:
        # What arrived while the last piece was being made durable comes as one: no timer, no added delay.
        while data := await upstream.read():
            piece = events.feed(data)
            if piece:
                await road.recorder.segment(opened, piece, sequence)
                sequence, released = sequence + 1, released + len(piece)
                yield piece
        last = events.finish()
        region, is_right = _where(opened, upstream, events.usage)
        outcome = Outcome(
            decision="vendor_error" if events.has_failed else "answered",
            body=last,
            sequence=sequence,
            status=upstream.status,
            tokens_in=events.tokens_in,
            tokens_out=events.tokens_out,
            released_bytes=released + len(last),
            region_reported=region,
            region_agrees=is_right,
            signals=_signals(events.watch),
        )
        await road.recorder.close(opened, outcome)
        outcome = Outcome(decision="closed")
        yield last
    except TransportError as error:
        outcome = Outcome(decision=_reason_of(error).value, is_aborted=True)
        raise RefusalError(Refused(reason=_reason_of(error))) from None
    except RefusalError as error:
        outcome = Outcome(decision=error.refused.reason.value, is_aborted=True, signals=error.refused.signals)
        raise
    except LedgerUnavailable:
        outcome = Outcome(decision=Reason.LEDGER_UNAVAILABLE.value, is_aborted=True)
        raise RefusalError(Refused(reason=Reason.LEDGER_UNAVAILABLE)) from None
    finally:
        if outcome.is_aborted:
            ended = Outcome(
                decision=outcome.decision,
                sequence=sequence,
                is_aborted=True,
                released_bytes=released,
                signals=outcome.signals,
            )
            await asyncio.shield(_abort(road, opened, ended))
        await upstream.close()
