"""Looking for entries by day, proof of one, and counts that say how far they go."""

from datetime import UTC, date, datetime

import pytest
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import AUDITOR

from wardkeep.compliance import exploring
from wardkeep.compliance.activity import Activity
from wardkeep.compliance.reading import AuditReader


@pytest.mark.parametrize(("day", "count"), [(date.min, 0), (date(2026, 11, 23), 1), (date.max, 0)])
async def test_every_day_of_the_calendar_can_be_asked_for(tmp_path, day, count):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        reader = AuditReader(ledger=instance.ledger, entries=instance.entries)
        wanted = exploring.Wanted(day=day)
        told = await exploring.find(
            instance.ledger, reader, by=AUDITOR, wanted=wanted, before=None, most=50, zone="America/New_York"
        )
        assert len(told.headers) == count


async def test_an_entry_is_proven_in_the_signed_tree(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        for _ in range(6):
            await instance.control.note_session(by="person:ana", action="sign-in", method="passkey")
        proof = await exploring.prove(instance.ledger, 3)
        assert (proof.problem, proof.size, proof.steps) == (None, 7, 3)


async def test_counts_say_how_far_behind_they_are(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        for _ in range(4):
            await instance.control.refused(by="person:ana", action="sign-in.code", code="too_many_guesses")
        activity = Activity(ledger=instance.ledger)
        await activity.follow(most=2)
        assert (activity.behind, activity.size) == (3, 5)
        await activity.follow()
        assert activity.behind == 0
        days = activity.by_day(now=datetime(2026, 11, 23, 18, tzinfo=UTC), zone="America/New_York", days=1)
        assert days.of("refused") == [("too_many_guesses", [4])]
