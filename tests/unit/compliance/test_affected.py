"""Whom an incident affects: the index and the headers themselves say the same, and equal a truth made by hand."""

import itertools

from tests.unit.compliance.calls import called, tag_of
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import registry

from wardkeep.compliance.affected import affected_of
from wardkeep.model.incident import Reach

CALLS = [
    ("one", {}),
    ("two", {"vendor": "anthropic"}),
    (None, {}),
    ("one", {"purpose": "HPAYMT"}),
    ("three", {"actor": "key:app2"}),
    (None, {"workspace": "ward"}),
    ("four", {"workspace": "ward", "vendor": "anthropic"}),
]
WIDE = {"vendor": None, "actor": None, "workspace": None, "purpose": None}
NARROW = [
    {},
    {"vendor": "openai"},
    {"vendor": "anthropic", "workspace": "ward"},
    {"actor": "key:app2"},
    {"purpose": "HPAYMT"},
    {"purpose": "never-seen"},
]


def expected(instance, made, start, stop, narrow):
    """By hand: the calls whose request stands in the range and has every fact that is asked for."""
    usual = {"vendor": "openai", "actor": "key:app1", "workspace": "default", "purpose": "TREAT"}
    reached = [
        subject
        for index, (subject, facts) in made.items()
        if start <= index < stop and all(({**usual, **facts})[name] == value for name, value in narrow.items())
    ]
    named = {tag_of(instance, subject) for subject in reached if subject is not None}
    return named, len(reached), sum(subject is None for subject in reached)


async def test_the_index_and_the_headers_agree_with_the_truth(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, registry())
        made = {}
        for subject, facts in CALLS:
            made[(await called(instance, subject, **facts))[0]] = (subject, facts)
        index = instance.searcher.index
        await index.follow()
        while await index.check():
            continue
        assert index.is_checked
        bounds = [0, *sorted(made), index.size]
        for (start, stop), narrow in itertools.product(itertools.combinations(bounds, 2), NARROW):
            if start == stop:
                continue
            reach = Reach(start=start, stop=stop, **{**WIDE, **narrow})
            truth = expected(instance, made, start, stop, narrow)
            for asked in (index, None):
                told = await affected_of(instance.ledger, reach, asked)
                assert (told.subjects, told.calls, told.unresolved) == truth, (reach, asked)


async def test_an_index_that_was_not_compared_with_the_ledger_is_not_believed(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance, registry())
        await called(instance, "one")
        index = instance.searcher.index
        await index.follow()
        reach = Reach(start=0, stop=index.size)
        truth = await affected_of(instance.ledger, reach)
        assert (truth.calls, truth.subjects) == (1, {tag_of(instance, "one")})
        # A file that somebody changed, as another process finds it at its start.
        await index._run(lambda file: file._connection.execute("UPDATE found SET subject = x'00' WHERE subject != x''"))
        assert await affected_of(instance.ledger, reach, index) != truth
        index.checked = 0
        assert await affected_of(instance.ledger, reach, index) == truth
        # Compared, the lie is found and the index made anew.
        while await index.check():
            continue
        await index.follow()
        while await index.check():
            continue
        assert index.is_checked
        assert await affected_of(instance.ledger, reach, index) == truth
        # What the index has not seen yet is taken in first.
        at, _ = await called(instance, "two")
        assert (await affected_of(instance.ledger, Reach(start=0, stop=at + 1), index)).calls == 2
