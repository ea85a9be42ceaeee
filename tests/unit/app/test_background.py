"""Work beside calls: what fails is said, and what can go on goes on."""

import asyncio
from datetime import timedelta

from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import working_registry

from wardkeep.app.background import Background
from wardkeep.app.reviewing import keep_reviews
from wardkeep.compliance.control import open_control
from wardkeep.compliance.records import Change, Kind

PATIENCE_SECONDS = 30.0


class Lines:
    """The log as a list that can be waited for."""

    def __init__(self):
        self.told = []
        self._more = asyncio.Condition()

    def __call__(self, event, **fields):
        self.told.append((event, fields))

        async def say():
            async with self._more:
                self._more.notify_all()

        asyncio.get_running_loop().create_task(say())

    async def until(self, event):
        async with asyncio.timeout(PATIENCE_SECONDS), self._more:
            await self._more.wait_for(lambda: event in [each for each, _ in self.told])


async def test_no_background_task_ends_unseen():
    lines = Lines()
    background = Background(log=lines)

    async def _fails():
        raise ValueError("words of somebody")

    async def ends():
        return None

    background.begin(_fails())
    background.begin(ends())
    await lines.until("background_failed")
    await background.end()
    assert lines.told == [("background_failed", {"task": "fails", "kind": "ValueError"})]
    assert not background.running


async def test_reviews_go_on_when_their_facts_were_stale(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, working_registry())
        # Another holder of the same ledger moves the facts on, so that what ours records is stale.
        other = await open_control(ledger=instance.ledger, store=instance.store, entries=instance.entries)
        person = other.registry.people["operator"]
        change = Change(kind=Kind.PEOPLE, id="operator", record=person)
        await other.change(by="host", action="test", reason="as told", plan=lambda _: (change,))
        lines, stopping = Lines(), asyncio.Event()
        founded_at = instance.clock().wall - timedelta(days=120)
        work = asyncio.create_task(
            keep_reviews(
                instance.control, instance.clock, lambda _: None, founded_at=founded_at, stopping=stopping, log=lines,
                every_seconds=0.01,
            )
        )  # fmt: skip
        await lines.until("reviews_unavailable")
        assert not work.done()
        stopping.set()
        await work
        assert instance.control.registry.reviews == {}
