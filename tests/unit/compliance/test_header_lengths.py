"""Every id is bounded where it is recorded, so that no header ever outgrows a leaf: the longest are built here."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.unit.compliance.instance import keyring
from tests.unit.compliance.organisation import SCOPE, agreement, deployment

from wardkeep.audit.entry import MAX_LEAF_BYTES, Kind, check_draft, leaf_bytes, spooled
from wardkeep.compliance import terms
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.two_people import HOST_RECOVERY_NOTE, SINGLE_OFFICER_NOTE
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.record import Outcome, Recorder
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.model.access import DataClass
from wardkeep.model.attestation import AttestationKind, AttestationRule, Proof
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Purpose, Registry, Route, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.spans import IdentifierType
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Routed, Safe, SafeBody
from wardkeep.privacy.prompt.rules import Signal
from wardkeep.privacy.prompt.screen import MOST_SIGNALS

ID = "i" * 64
MODEL = "m" * 128
SHORT = "s" * 32
FEATURES = frozenset({"tools", "stream", "thinking", "json_mode", "json_schema", "logprobs", "prompt_caching"})
SIGNALS = tuple(sorted((each.value for each in Signal), key=len, reverse=True)[:MOST_SIGNALS])
LONGEST_REASON = max(Reason, key=lambda reason: len(reason.value))
LONGEST_SURFACE = max(Surface, key=lambda surface: len(surface.value))
LONGEST_PURPOSE = max(Purpose, key=lambda purpose: len(purpose.value))
# 300 years of uptime, the year 2199, a kernel's boot id, a ledger of 10**15 entries
LATE = Instant(int(datetime(2199, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 + 1, 10**19, "b" * 36)
INDEX = 10**15
# The whole body of the largest request could be identifiers, but not 20 times over: six digits for each class.
MOST_FOUND = 999_999


PROOF = Proof(
    rule=AttestationRule(id=ID, deployment=ID, kind=AttestationKind.NITRO, anchors=(), measurements=()),
    peer_key=bytes(32),
    measurement="0" * 64,
    tcb="Genoa boot_loader=255 fmc=255 microcode=255 snp=255 tee=255",
    at=LATE.wall,
    ends_at=LATE.wall,
)


class Kept:
    """Takes what is appended, as the ledger would."""

    def __init__(self):
        self.drafts = []

    async def append(self, drafts, admission=None, under=None):
        self.drafts += drafts
        return [INDEX for _ in drafts]


def test_the_bounds_are_those_of_the_rules():
    for clean, longest in (
        (terms.clean_id, ID),
        (terms.clean_model, MODEL),
        (terms.clean_region, SHORT),
        (terms.clean_workspace, SHORT),
    ):
        assert clean(longest, "name") == longest
        with pytest.raises(NotAllowed):
            clean(longest + "x", "name")


def parts():
    call = Call(
        id=bytes(16),
        surface=LONGEST_SURFACE,
        document=parse(b'{"model":"%b"}' % (b"x" * (1 << 20))),
        credential=None,
        received=LATE,
    )
    key = ApiKey(
        id="k" * 12, mac=b"", name="n", owner=ID, workspace=SHORT, models=frozenset(), purposes=frozenset(),
        default_purpose=None, expires_at=None,
    )  # fmt: skip
    identified = Identified(call=call, key=key, owner=Person(id=ID, roles=frozenset(), is_active=True))
    facts = Facts(registry=Registry(epoch=INDEX), today=date(2026, 1, 1), now=LATE, policy_version="1.10")
    permitted = Permitted(
        identified=identified,
        facts=facts,
        route=Route(model=MODEL, deployment=ID),
        purpose=LONGEST_PURPOSE,
        data_classes=frozenset(DataClass),
        subject="a subject",
        keeps=frozenset(),
    )
    body = SafeBody(document=call.document, changes={}, model_ordinal=0)
    safe = Safe(
        permitted=permitted,
        body=body,
        features=FEATURES,
        geography=None,
        restore={},
        counts={kind.value: MOST_FOUND for kind in IdentifierType},
        conversation_key=Secret(b""),
        signals=SIGNALS,
        dropped=("beta.claude-code-20250219",),
    )
    routed = Routed(
        safe=safe,
        deployment=deployment(id=ID, vendor=ID, model=MODEL, region=SHORT),
        agreement=agreement(id=ID, vendor=ID),
        scope=SCOPE,
        edits=[],
        upstream_body=b"",
    )
    return call, identified, permitted, routed


async def drafts():
    """Return the longest draft of each kind that a call leaves, made by the recorder itself."""
    kept = Kept()
    keys = replace(data_keys(keyring()), epoch_id="e1234567", epochs={"e1234567": bytes(32)})
    recorder = Recorder(sequencer=kept, keys=keys, subjects=SubjectCache(keys=keys), owner="o", clock=lambda: LATE)
    call, identified, permitted, routed = parts()
    opened = await recorder.open(routed, proof=PROOF)
    await recorder.segment(opened, bytes(1 << 20), 10**9)
    for is_aborted in (False, True):
        outcome = Outcome(
            decision=LONGEST_REASON.value,
            is_aborted=is_aborted,
            sequence=10**9,
            status=599,
            tokens_in=2**63,
            tokens_out=2**63,
            released_bytes=10**12,
        )
        await recorder.close(opened, outcome)
        opened = await recorder.open(routed, attempt=5, proof=PROOF)
    refused = Refused(reason=LONGEST_REASON, signals=SIGNALS, tag="a" * 32)
    await recorder.refuse(call, refused, identified, permitted, attempt=5)
    return {draft.kind: draft for draft in kept.drafts}


@pytest.mark.parametrize("kind", ["request", "segment", "response", "aborted", "refusal"])
async def test_the_longest_header_of_a_call_fits_a_leaf(kind: Kind):
    draft = (await drafts())[kind]
    check_draft(draft)
    assert len(leaf_bytes(INDEX, bytes(32), draft.body)) <= MAX_LEAF_BYTES


async def test_the_longest_request_header_has_less_than_two_kilobytes():
    longest = (await drafts())["request"]
    merged = spooled(longest, 999_999)  # after an emergency
    check_draft(merged)
    assert len(leaf_bytes(INDEX, bytes(32), merged.body)) < 2048


def test_the_longest_header_of_a_person_fits_a_leaf():
    entries = EntryMaker(keys=data_keys(keyring()), tenant="tenant-0", clock=lambda: LATE)
    notes = f"{HOST_RECOVERY_NOTE} {SINGLE_OFFICER_NOTE}"
    changed = " ".join([f"organisation/{'x' * 40}"] * 4)
    for kind, decision, detail in (
        ("control", None, {"action": ID, "changed": changed, "changes": 10**6, "note": notes}),
        ("refusal", ID, {"action": ID}),
        ("read", None, {"action": "headers", "from": INDEX, "to": INDEX}),
    ):
        draft = entries.draft(
            kind, actor=f"person:{ID}", detail=detail, payload=b"{}", facts_epoch=INDEX, decision=decision
        )
        check_draft(draft)
        assert len(leaf_bytes(INDEX, bytes(32), draft.body)) <= MAX_LEAF_BYTES
