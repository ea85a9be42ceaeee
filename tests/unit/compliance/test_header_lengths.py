"""Every id is bounded where it is recorded, so that no call's header ever outgrows a leaf (DESIGN section 4: 1 KB)."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from tests.unit.compliance.instance import keyring
from tests.unit.compliance.organisation import HASH, SCOPE

from wardkeep.audit.entry import MAX_LEAF_BYTES, check_draft, leaf_bytes
from wardkeep.compliance import terms
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.record import Outcome, Recorder
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    ApiKey,
    Deployment,
    Person,
    Purpose,
    Registry,
    Role,
    Route,
    Surface,
)
from wardkeep.model.sensitive import Secret
from wardkeep.model.spans import IdentifierType
from wardkeep.model.stages import Call, Facts, Identified, Permitted, Routed, Safe, SafeBody

ID = "i" * 64
MODEL = "m" * 128
LONGEST_REASON = max(Reason, key=lambda reason: len(reason.value))
FEATURES = frozenset({"tools", "stream", "thinking", "json_mode", "json_schema", "logprobs", "prompt_caching"})
import sys

FAR = Instant(int(datetime(2199, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000, 10**18, "b" * 36)


class Kept:
    def __init__(self):
        self.drafts = []

    async def append(self, drafts, admission=None):
        self.drafts += drafts
        return [10**12 for _ in drafts]


async def test_x():
    keys = data_keys(keyring())
    kept = Kept()
    rec = Recorder(sequencer=kept, keys=keys, owner="o", clock=lambda: FAR)
    doc = parse(b'{"model":"x"}')
    call = Call(id=bytes(16), surface=Surface.ANTHROPIC_COUNT_TOKENS, document=doc, credential=None, received=FAR)
    key = ApiKey(
        id="k" * 12,
        mac=b"",
        name="n",
        owner=ID,
        workspace=ID,
        models=frozenset(),
        purposes=frozenset(),
        default_purpose=None,
        expires_at=None,
    )
    ident = Identified(call=call, key=key, owner=Person(id=ID, roles=frozenset(), is_active=True))
    facts = Facts(registry=Registry(epoch=10**15), today=date(2026, 1, 1), now=FAR, policy_version="1")
    perm = Permitted(
        identified=ident,
        facts=facts,
        route=Route(model=MODEL, deployment=ID),
        purpose=Purpose.HOPERAT,
        subject="s",
        keeps=frozenset(),
    )
    safe = Safe(
        permitted=perm,
        body=SafeBody(document=doc, changes={}, model_ordinal=0),
        features=FEATURES,
        restore={},
        counts={t.value: 99999 for t in IdentifierType},
        conversation_key=Secret(b""),
    )
    agreement = Agreement(
        id=ID,
        kind=AgreementKind.BAA,
        vendor=ID,
        party="",
        status=AgreementStatus.ACTIVE,
        document_sha256=HASH,
        effective_on=date(2026, 1, 1),
        expires_on=None,
        scopes=(SCOPE,),
        added_by="x",
    )
    dep = Deployment(
        id=ID, vendor=ID, platform=ID, project=MODEL, dialect="openai", base_url="", model=MODEL, region=MODEL
    )
    routed = Routed(safe=safe, deployment=dep, agreement=agreement, scope=SCOPE, edits=[], upstream_body=b"")
    opened = await rec.open(routed)
    await rec.refuse(call, Refused(reason=LONGEST_REASON), ident, perm)
    await rec.close(
        opened,
        Outcome(
            decision=LONGEST_REASON.value,
            is_aborted=True,
            sequence=10**9,
            status=599,
            tokens_in=10**18,
            tokens_out=10**18,
            released_bytes=10**12,
        ),
    )
    for d in kept.drafts:
        print(d.kind, len(d.body) + 120, file=sys.stderr)
        print(d.body.decode(), file=sys.stderr)
