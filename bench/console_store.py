"""A large organisation on disk, for `bench/console.py`: so many ledger entries, so many people, and what they fill.

Everything is made through the product's own code: `wardkeep init`, the control API, `Control.change` (each change an
entry), `SqliteLedger.append`, `Sessions.begin`. The days of the ledger are the `DAYS` after the instance was made;
serve it with `python -m wardkeep.demo.later {DAYS + 1}`, whose clock is an argument.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from wardkeep.app.home import OpenHome, open_home
from wardkeep.audit.entry import (
    SEALED_FIELD,
    SEALED_TABLE,
    SEALED_VERSION,
    Draft,
    Header,
    encode_body,
    timestamp,
)
from wardkeep.audit.entry import Kind as EntryKind
from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.compliance.records import Change, Kind
from wardkeep.crypto.envelope import seal
from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import FIRST, SECOND, Instance
from wardkeep.demo.vendor import SimulatorProcess
from wardkeep.model.access import (
    AccessRequest,
    Application,
    ApplicationKind,
    DataClass,
    Purpose,
    RequestStatus,
    Role,
    Workspace,
)
from wardkeep.model.incident import Incident, IncidentSource, Step
from wardkeep.model.instant import Instant, uuid7
from wardkeep.model.login import Login
from wardkeep.model.programme import Certificate, Checklist, ChecklistKind, TrainingRecord
from wardkeep.model.registers import Asset, AssetKind, HumanReview, RightsRequest, Risk, Treatment, UseCase
from wardkeep.model.registry import ApiKey, Person
from wardkeep.settings import clock, load

DAYS = 90
MODEL = "sim-echo"
MODELS = (*(f"model-{number:02}" for number in range(24)), MODEL)
AUDITOR, CLINICIAN, OPERATOR = "person-0000", "person-0001", "person-0002"
SIGNED_IN = {"officer": FIRST, "second officer": SECOND, "auditor": AUDITOR, "clinician": CLINICIAN,
             "operator": OPERATOR}  # fmt: skip
_DAY_US = 86_400_000_000
_BATCH = 64
_AHEAD = 8
_A_CHANGE = 100
_WORKSPACES = 60


@dataclass(slots=True)
class Ramp:
    """A clock that is set, not read: entries of many days are written in minutes."""

    wall_us: int
    boot: str

    def __call__(self) -> Instant:
        self.wall_us += 1
        return Instant(self.wall_us, self.wall_us * 1000, self.boot)


def make(home: Path, *, entries: int, people: int) -> None:
    """Make the home, served once to furnish it as an operator would."""
    instance = Instance(home=home, workers=1, environment={}, deadline_seconds=120.0)
    instance.init()
    day = clock().wall.date()
    with SimulatorProcess() as vendor, instance:
        where = Vendors(
            openai_url=vendor.openai_url,
            anthropic_url=vendor.url,
            openai_key=vendor.openai_key,
            anthropic_key=vendor.anthropic_key,
        )
        furnish(instance, where, MODELS, today=day)
        assistant = {"id": "assistant", "name": "Assistant", "owner": SECOND, "workspace": "default",
                     "roles": ["clinician", "nurse"], "reason": "chat"}  # fmt: skip
        instance.api(SECOND, "POST", "applications", assistant)
        key = {"name": "assistant", "owner": SECOND, "models": [MODEL], "purposes": ["TREAT"],
               "default_purpose": "TREAT", "application": "assistant", "reason": "chat"}  # fmt: skip
        instance.api(SECOND, "POST", "keys", key)
    asyncio.run(_fill(home, entries=entries, people=people, day=day))


async def _fill(home: Path, *, entries: int, people: int, day: date) -> None:
    now = clock()
    ramp = Ramp(now.wall_us, now.boot)
    opened = await open_home(load(home), ramp)
    try:
        changes = list(_organisation(opened, people, day))
        for at in range(0, len(changes), _A_CHANGE):
            part = changes[at : at + _A_CHANGE]
            await opened.control.change(by=f"person:{FIRST}", action="bench.fill", reason="bench", plan=_same(part))
        await _calls(opened, ramp, entries, people)
    finally:
        await opened.close()


def _same(part: Sequence[Change]):
    return lambda _: part


async def sign_in(home: Path) -> dict[str, str]:
    """Return a session's token for each kind of person; the home is not served meanwhile."""
    opened = await open_home(load(home), clock)
    try:
        at = clock().wall_us + (DAYS + 1) * _DAY_US
        begun = {kind: await opened.sessions.begin(who, "passkey", "bench", at) for kind, who in SIGNED_IN.items()}
        return {kind: each.token.reveal() for kind, each in begun.items()}
    finally:
        await opened.close()


# ---- the organisation ------------------------------------------------------------------------------------------------


def _organisation(opened: OpenHome, people: int, day: date) -> Iterator[Change]:
    """Yield the people and what a hospital of their number has on record."""
    draw = random.Random(8)
    names = [f"person-{number:04}" for number in range(people)]
    later, soon = day + timedelta(400), day + timedelta(DAYS + 20)
    roles = (Role.CLINICIAN,) * 6 + (Role.NURSE,) * 3 + (Role.BILLING,)
    special = {AUDITOR: Role.AUDITOR, CLINICIAN: Role.CLINICIAN, OPERATOR: Role.OPERATOR}
    for name in names:
        role = special.get(name) or draw.choice(roles)
        person = Person(id=name, roles=frozenset({role}), is_active=draw.random() < 0.97 or name in special,
                        enrolled_by=FIRST, manager=draw.choice(names[:200]))  # fmt: skip
        yield Change(kind=Kind.PEOPLE, id=name, record=person)
        login = Login(id=name, handle=os.urandom(32), password="$argon2id$bench", totp=os.urandom(20))
        yield Change(kind=Kind.LOGINS, id=name, record=login)
        taken = Certificate(course="hipaa-basics", version=1, content_sha256="0" * 64, score_percent=90,
                            passed_on=day, until=later if draw.random() < 0.8 else soon, sha256="1" * 64)  # fmt: skip
        record = TrainingRecord(id=name, certificates={"hipaa-basics": taken})
        yield Change(kind=Kind.TRAININGS, id=name, record=record)
    for number in range(_WORKSPACES):
        place = Workspace(id=f"ward-{number:02}", name=f"Ward {number}", owner=names[number],
                          members=frozenset(draw.sample(names, max(1, people // 20))), purposes=frozenset(Purpose),
                          models=None, data_classes=frozenset({DataClass.ORDINARY}), requires=frozenset(),
                          is_active=True)  # fmt: skip
        yield Change(kind=Kind.WORKSPACES, id=place.id, record=place)
    found = opened.control.registry.workspaces["default"]
    yield Change(kind=Kind.WORKSPACES, id="default", record=replace(found, members=found.members | {CLINICIAN}))
    yield from _programs(draw, names, people)
    yield from _registers(draw, names, day, people)


def _programs(draw: random.Random, names: list[str], people: int) -> Iterator[Change]:
    for number in range(people // 20):
        program = Application(id=f"app-{number:03}", name=f"Application {number}", kind=ApplicationKind.APPLICATION,
                              owner=draw.choice(names), workspace=f"ward-{number % _WORKSPACES:02}",
                              roles=frozenset({Role.CLINICIAN}), is_active=True)  # fmt: skip
        yield Change(kind=Kind.APPLICATIONS, id=program.id, record=program)
        for each in range(4):
            key = ApiKey(id=f"key{number:04}{each}", mac=os.urandom(32), name=f"{program.id} {each}",
                         owner=program.owner, workspace=program.workspace, models=frozenset(MODELS[:3]),
                         purposes=frozenset({Purpose.TREAT}), default_purpose=Purpose.TREAT, expires_at=None,
                         is_revoked=each < 2, application=program.id)  # fmt: skip
            yield Change(kind=Kind.KEYS, id=key.id, record=key)


def _registers(draw: random.Random, names: list[str], day: date, people: int) -> Iterator[Change]:
    later = day + timedelta(400)
    for number in range(people // 10):
        made = datetime.combine(day, datetime.min.time()).astimezone()
        step = Step(at=made, by=FIRST, what="opened", words="see ledger entry 9")
        incident = Incident(id=f"inc-{number:03}", source=IncidentSource.REPORT, opened_by=draw.choice(names),
                            opened_at=made, known_on=day + timedelta(draw.randrange(DAYS)), steps=(step,),
                            closed_by=None if number % 10 == 0 else FIRST)  # fmt: skip
        yield Change(kind=Kind.INCIDENTS, id=incident.id, record=incident)
        risk = Risk(id=f"risk-{number:03}", about="organisation", threat="phishing", likelihood=3, impact=4,
                    residual_likelihood=2, residual_impact=3, treatment=Treatment.REDUCE, owner=draw.choice(names),
                    until=later, analysed_by=FIRST, analysed_on=day, words="see ledger entry 9")  # fmt: skip
        yield Change(kind=Kind.RISKS, id=risk.id, record=risk)
        asked = AccessRequest(id=f"ask-{number:03}", person=draw.choice(names), roles=frozenset({Role.NURSE}),
                              workspace=None, asked_by=draw.choice(names), asked_at=made,
                              status=RequestStatus.OPEN if number % 5 == 0 else RequestStatus.APPROVED,
                              decided_by=None if number % 5 == 0 else SECOND)  # fmt: skip
        yield Change(kind=Kind.ACCESS_REQUESTS, id=asked.id, record=asked)
        request = RightsRequest(id=f"request-{number:03}", right="access", subject="0" * 32, received_on=day,
                                taken_by=draw.choice(names), words="see ledger entry 9")  # fmt: skip
        yield Change(kind=Kind.RIGHTS, id=request.id, record=request)
        steps = Checklist(id=f"join-{number:03}", kind=ChecklistKind.JOINER, person=draw.choice(names),
                          opened_by=FIRST, opened_on=day, due_on=later)  # fmt: skip
        yield Change(kind=Kind.CHECKLISTS, id=steps.id, record=steps)
    for number in range(people):
        kind = (AssetKind.DEVICE, AssetKind.MEDIUM, AssetKind.SYSTEM, AssetKind.FACILITY)[min(3, number % 50)]
        asset = Asset(id=f"asset-{number:04}", kind=kind, owner=draw.choice(names), holds_phi=True,
                      is_encrypted=True, attested_by=FIRST, attested_on=day, attested_until=later)  # fmt: skip
        yield Change(kind=Kind.ASSETS, id=asset.id, record=asset)
    for number in range(80):
        use = UseCase(id=f"use-{number:02}", owner=draw.choice(names), routes=frozenset({MODELS[number % 24]}),
                      purposes=frozenset({Purpose.TREAT}), human_review=HumanReview.EVERY_ANSWER,
                      is_patient_facing=False, tells_patients=False, review_on=later, proposed_by=FIRST,
                      approved_by=SECOND, words="see ledger entry 9")  # fmt: skip
        yield Change(kind=Kind.USES, id=use.id, record=use)


# ---- the ledger ------------------------------------------------------------------------------------------------------


async def _calls(opened: OpenHome, ramp: Ramp, entries: int, people: int) -> None:
    """Write calls as they are recorded, spread over the days: requests with their answers, refusals, readings."""
    left = entries - (await opened.ledger.head()).size
    step_us = DAYS * _DAY_US // max(1, left)
    made = _entries(opened, ramp, step_us, people)
    while left > 0:
        groups = []
        while left > 0 and len(groups) < _AHEAD:
            count = min(_BATCH, left)
            groups.append(_written(opened, [next(made) for _ in range(count)]))
            left -= count
        await asyncio.gather(*groups)


async def _written(opened: OpenHome, drafts: Sequence[Draft]) -> None:
    """Append until it is durable: an append that is asked again is the same one, and a busy disk may be late."""
    while True:
        try:
            await opened.ledger.append(drafts)
        except LedgerUnavailable:
            await asyncio.sleep(1.0)
        else:
            return


def _entries(opened: OpenHome, ramp: Ramp, step_us: int, people: int) -> Iterator[Draft]:
    draw = random.Random(1_000_000)
    epoch = opened.control.registry.epoch
    while True:
        chance = draw.random()
        call = {
            "actor": f"key:key{draw.randrange(max(1, people // 20)):04}2",
            "workspace": f"ward-{draw.randrange(_WORKSPACES):02}",
            "purpose": draw.choice(("TREAT", "TREAT", "TREAT", "HPAYMT", "HOPERAT")),
            "subject": sha256(b"%d" % draw.randrange(50_000)).hexdigest()[:32],
            "surface": "/v1/chat/completions",
            "route": draw.choice(MODELS),
            "epoch": epoch,
        }
        if chance < 0.04:
            why = draw.choice(("baa_expired", "role_not_permitted", "purpose_not_permitted", "request_rate_exceeded"))
            yield _draft(opened, ramp, step_us, "refusal", decision=why, **call)
            continue
        if chance < 0.05:
            detail = {"action": "find", "from": 0, "to": 100, "shown": 50}
            yield _draft(opened, ramp, step_us, "read", actor=f"person:{FIRST}", detail=detail)
            continue
        vendor = draw.choice(("northwind", "northwind", "meridian"))
        asked = _draft(
            opened, ramp, step_us, "request", decision="permitted", deployment=f"{vendor[0]}-{call['route']}",
            vendor=vendor, baa=f"baa-{vendor}", region="us-test-1", sent_sha256="0" * 64,
            detail={"owner": SECOND, "hidden": "name=2,date=1", "features": ""}, **call,
        )  # fmt: skip
        yield asked
        yield _draft(opened, ramp, step_us, "response", decision="answered", status=200, tokens_in=812,
                     tokens_out=164, parent=asked.id.hex(), closes=asked.id)  # fmt: skip


def _draft(
    opened: OpenHome, ramp: Ramp, step_us: int, kind: EntryKind, *, closes: bytes | None = None, **fields: object
) -> Draft:
    ramp.wall_us += step_us
    now = ramp()
    entry_id = uuid7(now.wall_us, os.urandom(10))
    sealed = seal(opened.keys, plaintext=b'{"asked":"{}"}' + b" " * 242, tenant=opened.keyring.tenant,
                  table=SEALED_TABLE, record_id=entry_id, field=SEALED_FIELD, version=SEALED_VERSION)  # fmt: skip
    header = Header(
        type=kind, id=entry_id.hex(), at=timestamp(now.wall), mono=now.mono_ns, boot=now.boot, policy="1",
        ct_sha256=sha256(sealed.ciphertext).hexdigest(), ct_len=len(sealed.ciphertext), key=sealed.key_id,
        commit=sealed.commitment.hex(), **fields,
    )  # fmt: skip
    owner = "bench" if kind == "request" else None
    return Draft(id=entry_id, kind=kind, body=encode_body(header), payload=sealed.ciphertext, owner=owner,
                 closes=closes)  # fmt: skip
