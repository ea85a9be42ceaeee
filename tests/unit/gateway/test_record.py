"""Large payloads are packed beside the event loop, and what is cut off meanwhile is closed all the same."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import orjson
import pytest
from tests.unit.compliance.instance import keyring
from tests.unit.compliance.test_header_lengths import LATE, PROOF, Kept, parts

from wardkeep.audit.entry import SEALED_FIELD, SEALED_TABLE, SEALED_VERSION
from wardkeep.crypto.envelope import Sealed, open_
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.record import Outcome, Recorder
from wardkeep.gateway.subjects import SubjectCache

LARGE = b"again and again " * 8192


class Packer(ThreadPoolExecutor):
    """A packer's thread, which counts what it is given and can be held up."""

    def __init__(self):
        super().__init__(1)
        self.given, self.may_go_on = 0, Event()
        self.may_go_on.set()

    def submit(self, run, *arguments):
        self.given += 1
        return super().submit(self._held_up, run, *arguments)

    def _held_up(self, run, *arguments):
        assert self.may_go_on.wait(60)
        return run(*arguments)


@pytest.fixture
def packer():
    made = Packer()
    yield made
    made.may_go_on.set()
    made.shutdown()


@pytest.fixture
def recorder(packer):
    keys = data_keys(keyring())
    return Recorder(
        sequencer=Kept(), keys=keys, subjects=SubjectCache(keys=keys), owner="o", clock=lambda: LATE, packer=packer
    )


def said(recorder, opened, draft):
    """What a draft of an open call seals."""
    body = orjson.loads(draft.body)
    sealed = Sealed(ciphertext=draft.payload, key_id=body["key"], commitment=bytes.fromhex(body["commit"]))
    place = {"table": SEALED_TABLE, "field": SEALED_FIELD, "version": SEALED_VERSION}
    keys = recorder.subjects.of_routed(opened.routed, LATE).key
    return open_(keys, sealed=sealed, tenant=recorder.keys.tenant, record_id=draft.id, **place)


async def test_what_is_large_is_packed_in_a_thread_and_what_is_small_at_once(recorder, packer):
    opened = await recorder.open(parts()[-1], proof=PROOF)
    before = packer.given
    assert before == 1, "the body that was asked"
    await recorder.segment(opened, b"a word", 0)
    assert packer.given == before
    await recorder.segment(opened, LARGE, 1)
    await recorder.close(opened, Outcome(decision="answered", body=LARGE))
    assert packer.given == before + 2
    _, small, large, closing = recorder.sequencer.drafts
    assert said(recorder, opened, small) == b"a word"
    for draft in (large, closing):
        assert len(draft.payload) < len(LARGE) // 100
        assert said(recorder, opened, draft) == LARGE


async def test_others_do_not_wait_for_a_large_payload(recorder, packer):
    opened = await recorder.open(parts()[-1], proof=PROOF)
    packer.may_go_on.clear()
    large = asyncio.create_task(recorder.segment(opened, LARGE, 0))
    await recorder.segment(opened, b"a word", 1)
    assert not large.done()
    packer.may_go_on.set()
    await large
    assert [orjson.loads(each.body)["seq"] for each in recorder.sequencer.drafts[1:]] == [1, 0]


async def test_a_call_that_is_cut_off_while_its_answer_is_packed_is_closed_once(recorder, packer):
    opened = await recorder.open(parts()[-1], proof=PROOF)
    packer.may_go_on.clear()
    closing = asyncio.create_task(recorder.close(opened, Outcome(decision="answered", body=LARGE)))
    while packer.given < 2:
        await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await recorder.close(opened, Outcome(decision="client_disconnected", is_aborted=True))
    _, closed = recorder.sequencer.drafts
    assert (orjson.loads(closed.body)["decision"], said(recorder, opened, closed)) == ("answered", LARGE)
