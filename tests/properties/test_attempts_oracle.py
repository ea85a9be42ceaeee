"""Calls whose vendors fail in every way: no attempt leaves for a place that the rule, told another way, does not open.

The whole road runs, with vendors that answer, refuse, fall silent or are not there, and with officers who suspend a
vendor or revoke a key while a call is under way. Before each attempt the oracle (`tests.properties.oracle`) is asked
about that one deployment under the facts of that moment.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace

import orjson
import pytest
from tests.properties.oracle import _at, judge
from tests.properties.test_road_oracle import MAC_KEY, TRANSLATING, Seeded, World, world
from tests.unit.compliance.instance import keyring

from wardkeep.audit.errors import StaleFacts
from wardkeep.compliance.facts import FactsSource
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.attesting import Attestor
from wardkeep.gateway.health import Health
from wardkeep.gateway.pipeline import Road, Turned, handle
from wardkeep.gateway.record import Recorder
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.identity.tokens import Tokens
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Refused
from wardkeep.model.registry import AgreementStatus, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.privacy.detect.detector import Detector
from wardkeep.transport.errors import AnswerInvalid, VendorReset, VendorTimeout, VendorUnreachable
from wardkeep.transport.pool import Pool

KEYS = data_keys(keyring())
ANSWER = orjson.dumps({"choices": [{"message": {"content": "ok"}}], "usage": {"prompt_tokens": 3}})
EVENTS = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
ANTHROPIC_EVENTS = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
# How an attempt may end, and whether anything may follow it.
ENDINGS = {
    "well": False,
    "503": True,
    "429": True,
    "401": True,
    "400": False,
    "page": True,
    "unreachable": True,
    "timeout": False,
    "reset": False,
    "garbage": False,
    "invalid": False,
}


@dataclass(slots=True)
class Heard:
    """An answer that is all there."""

    status: int
    parts: list[bytes]
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def read(self):
        return self.parts.pop(0) if self.parts else b""

    async def close(self):
        self.parts.clear()


@dataclass(slots=True)
class House:
    """One world under way: what is true now, what is on record, and who was asked."""

    it: World
    rng: random.Random
    registry: Registry
    records: dict[str, dict] = field(default_factory=dict)
    closed: Counter[str] = field(default_factory=Counter)
    asked: list[str] = field(default_factory=list)
    is_over: bool = False
    wrong: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    # the sequencer: what it was given is durable when it returns

    async def append(self, drafts, admission=None, under=None):
        for draft in drafts:
            if draft.facts_epoch is not None and draft.facts_epoch != self.registry.epoch:
                raise StaleFacts("a control entry is newer than the draft's facts")
            assert draft.id.hex() not in self.records, "an id stands for one entry"
            self.records[draft.id.hex()] = orjson.loads(draft.body)
            if draft.closes is not None:
                self.closed[draft.closes.hex()] += 1
            if draft.kind == "request" and self.rng.random() < 0.05:
                self.officers_act()  # after it is durable: it holds from the next request on
        return list(range(len(drafts)))

    async def refresh(self):
        return None

    async def pause(self, seconds):
        self.waits.append(seconds)
        if self.rng.random() < 0.3:
            self.officers_act()

    def officers_act(self) -> None:
        held = self.registry
        if self.rng.random() < 0.5:
            vendor = self.rng.choice(sorted(held.vendors))
            changes = {"vendors": {**held.vendors, vendor: replace(held.vendors[vendor], suspended_because="entry 9")}}
        elif held.agreements and self.rng.random() < 0.5:
            name = self.rng.choice(sorted(held.agreements))
            suspended = replace(held.agreements[name], status=AgreementStatus.SUSPENDED)
            changes = {"agreements": {**held.agreements, name: suspended}}
        else:
            name = self.rng.choice(sorted(held.keys))
            narrower = {"is_revoked": True} if self.rng.random() < 0.5 else {"models": frozenset()}
            changes = {"keys": {**held.keys, name: replace(held.keys[name], **narrower)}}
        self.registry = replace(held, epoch=held.epoch + 1, **changes)
        self.seen["officers acted"] += 1

    # the vendors

    async def send(self, opened, credential):
        deployment = opened.routed.deployment
        decided_on = opened.routed.safe.permitted.facts.registry
        record = self.records[opened.id.hex()]
        if (record["type"], record["deployment"]) != ("request", deployment.id) or self.closed[opened.id.hex()]:
            self.wrong.append("no open record of this attempt")
        defects, covering = _at(decided_on, self.it.asked, deployment)
        if defects or (deployment.id, opened.routed.agreement.id) not in {each[:2] for each in covering}:
            self.wrong.append(f"{deployment.id} is outside scope: {sorted(defects)}")
        if judge(decided_on, self.it.asked).identify or judge(decided_on, self.it.asked).decide:
            self.wrong.append("the caller may not")
        if self.is_over:
            self.wrong.append("asked again after a byte had been sent")
        self.asked.append(deployment.id)
        ending = self.rng.choice(tuple(ENDINGS))
        self.seen[ending] += 1
        self.is_over = not ENDINGS[ending]
        return self.answer(ending, opened.routed.safe.permitted.identified.call)

    def answer(self, ending, call):
        match ending:
            case "unreachable":
                raise VendorUnreachable("no")
            case "timeout":
                raise VendorTimeout("silent")
            case "reset":
                raise VendorReset("cut")
            case "invalid":
                raise AnswerInvalid("no HTTP")
            case "garbage":
                return Heard(200, [b"<html>"])
            case "page":
                return Heard(502, [b"<html>"])
            case "well":
                if not call.wants_stream:
                    return Heard(200, [ANSWER[:10], ANSWER[10:]])
                return Heard(200, [ANTHROPIC_EVENTS if call.surface.is_anthropic else EVENTS])
            case status:
                return Heard(int(status), [b'{"error":{"message":"no"}}'], [(b"retry-after", b"0")])


def widened(rng: random.Random, it: World) -> World:
    """Return the world with more places to go, good and bad, and a route that may try several of them."""
    held = it.registry
    first = held.deployments["d1"]
    more = {f"d{n}": replace(first, id=f"d{n}") for n in (4, 5)}
    more["d6"] = replace(first, id="d6", vendor="v2")
    more["d7"] = replace(first, id="d7", region="eu")
    # the same vendor asked in the other format: its agreement is about the endpoint that the bytes go to
    more["d8"] = replace(first, id="d8", dialect=TRANSLATING.get(it.call.surface, first.dialect))
    agreements = dict(held.agreements)
    for name, agreement in list(agreements.items())[:2]:
        if rng.random() < 0.5 and agreement.vendor == "v1":
            agreements[f"{name}-2"] = replace(agreement, id=f"{name}-2", vendor="v2", party="Party Two")
    names = rng.sample(["d1", "d3", "d4", "d5", "d6", "d7", "d8"], rng.randint(1, 6))
    weights = {name: rng.randint(1, 9) for name in names if rng.random() < 0.5} if rng.random() < 0.5 else {}
    route = replace(
        held.routes["alias"],
        deployment=names[0],
        fallbacks=tuple(names[1:]),
        attempts=rng.randint(1, 5),
        weights=weights,
    )
    registry = replace(
        held,
        deployments={**held.deployments, **more},
        agreements=agreements,
        routes={**held.routes, "alias": route},
    )
    return replace(it, registry=registry)


@dataclass(slots=True)
class Kept:
    """What takes long to build and is the same in every world."""

    detector: Detector = field(default_factory=lambda: Detector("balanced"))
    health: Health = field(default_factory=Health)
    reading: list[Instant] = field(default_factory=lambda: [Instant(0, 0, "b")])
    facts: FactsSource = field(init=False)

    def __post_init__(self):
        self.facts = FactsSource(lambda: self.reading[0])

    def moved_to(self, it: World) -> FactsSource:
        self.reading[0] = it.call.received
        self.facts._latest_us = 0
        return self.facts


async def lived(it: World, rng: random.Random, kept: Kept) -> House:
    house = House(it=it, rng=rng, registry=it.registry)
    facts, detector = kept.moved_to(it), kept.detector

    def facts_now(registry):
        found = facts.now(registry)
        if isinstance(found, Refused):
            return found
        return replace(found, training_overdue=it.asked.overdue, policies_unsigned=it.asked.unsigned)

    road = Road(
        registry=lambda: house.registry,
        facts_now=facts_now,
        credential_for=lambda registry, name: Secret("k"),
        detector=detector,
        strict_detector=lambda: detector,
        providers=dict.fromkeys(("openai", "anthropic", *TRANSLATING.values()), house),
        recorder=Recorder(
            sequencer=house,
            keys=KEYS,
            subjects=SubjectCache(keys=KEYS),
            owner="o",
            clock=lambda: it.call.received,
        ),
        credential_mac_key=Secret(MAC_KEY),
        surrogate_key=Secret(b"s" * 32),
        refresh=house.refresh,
        attestor=Attestor(pool=Pool([]), clock=lambda: it.call.received),
        tokens=Tokens(),
        health=kept.health,
        pause=house.pause,
    )
    said = await handle(road, it.call)
    if not isinstance(said, Turned) and not isinstance(said.body, bytes):
        async for _ in said.body:
            pass
    route = it.registry.routes.get(it.asked.model)
    requests = [body for body in house.records.values() if body["type"] == "request"]
    assert len(requests) == len(house.asked) <= (route.attempts if route else 0)
    assert house.closed == Counter(body["id"] for body in requests), "each attempt is closed once"
    assert [body["detail"].get("attempt", 1) for body in requests] == list(range(1, len(requests) + 1))
    for body in house.records.values():
        if body["type"] == "refusal" and body["id"] != it.call.id.hex():
            house.seen["refused on a further attempt"] += 1
            assert body.get("detail", {}).get("first_attempt") == it.call.id.hex(), "it belongs to no call"
    assert not house.wrong, house.wrong
    # whatever happened, the next call of a closed world goes nowhere
    for name, vendor in house.registry.vendors.items():
        house.registry.vendors[name] = replace(vendor, suspended_because="entry 9")
    before = len(house.asked)
    house.is_over = False
    assert isinstance(await handle(road, replace(it.call, id=b"n" * 16)), Turned)
    assert len(house.asked) == before, "suspended, and still asked"
    return house


def run(seed: int, count: int) -> Counter[str]:
    rng = random.Random(seed)
    kept = Kept()
    seen: Counter[str] = Counter()

    async def all_of_them() -> None:
        for number in range(count):
            if number % 50 == 0:
                kept.health = Health()
            it = widened(rng, world(Seeded(rng), spoken=True))
            try:
                house = await lived(it, rng, kept)
            except AssertionError as error:
                pytest.fail(f"seed {seed}, world {number}: {error}")
            seen.update(house.seen)
            seen[f"attempts {len(house.asked)}"] += 1
            seen["waited"] += len(house.waits)

    asyncio.run(all_of_them())
    return seen


def test_no_attempt_goes_where_the_rule_does_not_open():
    seen = run(seed=1, count=1_500)
    assert seen["attempts 1"] > 50
    assert seen["attempts 2"] > 10
    assert seen["attempts 4"] > 0
    assert seen["waited"] > 10
    assert seen["officers acted"] > 10
    assert seen["refused on a further attempt"] > 0
    assert all(seen[ending] > 10 for ending in ENDINGS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_no_attempt_goes_where_the_rule_does_not_open_in_twenty_thousand_calls(seed):
    assert run(seed=seed, count=6_000)["attempts 2"] > 40
