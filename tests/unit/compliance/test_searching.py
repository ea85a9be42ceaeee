import json
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.calls import DAY, called, refused, tag_of
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import ADMIN, AUDITOR, DEVELOPER, PRIVACY, working_registry

from wardkeep.audit.search import SearchIndex
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.searching import Question
from wardkeep.model.registry import ApiKey, Registry
from wardkeep.storage.search_sqlite import Criteria


@asynccontextmanager
async def house(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await found(instance)
        yield instance


async def ask(instance, *, by=AUDITOR, reason="weekly review", most=100, cursor=None, **fields):
    return await instance.searcher.search(by=by, question=Question(**fields), reason=reason, most=most, cursor=cursor)


def indices(page):
    return [json.loads(header)["index"] for header in page.headers]


async def code(awaitable):
    with pytest.raises(NotAllowed) as refusal:
        await awaitable
    return refusal.value.code


async def last(instance):
    return json.loads((await instance.headers())[-1])


async def test_each_column_finds_exactly_what_its_leaves_say(tmp_path):
    async with house(tmp_path) as instance:
        first = await called(instance, "subject-a")
        second = await called(
            instance, "subject-b", at=DAY + timedelta(days=1), actor="key:app2", purpose="HPAYMT", vendor="other",
            baa="baa-2", route="billing", workspace="back-office", person="nurse1",
        )  # fmt: skip
        third = await refused(instance, None)
        alike = {
            "actor": "key:app2", "purpose": "HPAYMT", "vendor": "other", "baa": "baa-2", "route": "billing",
            "workspace": "back-office", "person": "nurse1", "subject": "subject-b",
        }  # fmt: skip
        for name, value in alike.items():
            assert indices(await ask(instance, **{name: value})) == [second[0]], name
        assert indices(await ask(instance, type="response")) == [second[1], first[1]]
        assert indices(await ask(instance, decision="permitted")) == [second[0], first[0]]
        assert indices(await ask(instance, reason_code="baa_expired")) == [third]
        assert indices(await ask(instance, unresolved=True)) == [third]
        assert indices(await ask(instance, since=DAY + timedelta(days=1), until=DAY + timedelta(days=2))) == [
            second[1], second[0],
        ]  # fmt: skip
        assert indices(await ask(instance, actor="key:app1", purpose="TREAT", type="request")) == [first[0]]
        assert indices(await ask(instance, vendor="nobody")) == []
        assert 0 in indices(await ask(instance, action="bootstrap"))


async def test_an_application_is_all_its_keys(tmp_path):
    async with house(tmp_path) as instance:
        given = ApiKey(
            id="app1", mac=b"", name="n", owner="admin", workspace="default", models=frozenset(),
            purposes=frozenset(), default_purpose=None, expires_at=None, application="notes",
        )  # fmt: skip
        keys = {"app1": given, "app2": replace(given, id="app2"), "app3": replace(given, id="app3", application="x")}
        searcher = replace(instance.searcher, registry=lambda: Registry(epoch=1, keys=keys))
        expected = [(await called(instance, "s", actor=f"key:{name}"))[0] for name in ("app1", "app2", "app3")][:2]
        for application, wanted in (("notes", expected[::-1]), ("nobody", [])):
            question = Question(application=application)
            page = await searcher.search(by=AUDITOR, question=question, reason=None, most=9, cursor=None)
            assert indices(page) == wanted


async def test_a_search_is_one_entry_that_names_no_subject(tmp_path):
    async with house(tmp_path) as instance:
        for _ in range(3):
            await called(instance, "mrn-4711")
        page = await ask(instance, subject="mrn-4711", type="request", reason="complaint of mrn-4711")
        told = await last(instance)
        assert (told["type"], told["actor"], told["index"]) == ("read", "person:auditor", page.read_index)
        tag = tag_of(instance, "mrn-4711")
        assert told["subject"] == tag
        assert told["detail"] == {
            "action": "search", "filter": f"subject={tag} type=request", "scope": page.scope, "matches": 3,
        }  # fmt: skip
        # The whole handle: four digits alone stand by chance in random ids and hashes.
        assert not any(b"mrn-4711" in header for header in await instance.headers())
        entry = await instance.ledger.read(page.read_index)
        assert json.loads(instance.entries.opened(entry.header, entry.payload)) == {
            "reason": "complaint of mrn-4711", "filter": f"subject={tag} type=request",
        }  # fmt: skip
    for file in tmp_path.iterdir():
        assert b"mrn-4711" not in file.read_bytes(), file.name


class _Counted:
    """A ledger that tells how many leaves were asked for at once."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.asked = []

    async def leaves_at(self, indices):
        self.asked.append(len(indices))
        return await self.ledger.leaves_at(indices)


async def test_many_leaves_are_read_and_judged_in_portions(tmp_path):
    """Decoding all in one stretch would hold every call on the same loop."""
    async with house(tmp_path) as instance:
        await called(instance, "s")
        counted = _Counted(instance.ledger)
        index = SearchIndex(ledger=counted, path=tmp_path / "other.db")
        assert await index.leaves([1] * 1000, Criteria(below=9))
        assert (sum(counted.asked), max(counted.asked) <= 256) == (1000, True)
        await index.close()


@pytest.mark.parametrize(
    "field",
    [
        "actor",
        "application",
        "person",
        "workspace",
        "purpose",
        "route",
        "vendor",
        "baa",
        "decision",
        "reason_code",
        "action",
    ],
)
async def test_what_is_typed_stands_in_the_header_only_where_it_is_a_name_of_ours(tmp_path, field):
    """A leaf is never erased, so a number typed as a person's name must not stand in it."""
    async with house(tmp_path) as instance:
        for typed in ("typed-by-hand", "key:typed-by-hand", "person:typed-by-hand"):
            page = await ask(instance, **{field: typed})
            assert (await last(instance))["detail"]["filter"] == f"{field}=*"
            entry = await instance.ledger.read(page.read_index)
            sealed = json.loads(instance.entries.opened(entry.header, entry.payload))
            assert sealed["filter"] == f"{field}={typed}"
        asked = Question(since=DAY, until=DAY + timedelta(days=1), **{field: "typed-by-hand"})
        await instance.searcher.search_text(by=PRIVACY, question=asked, text="x", reason="x", most=9)
    for file in tmp_path.iterdir():
        assert b"typed-by-hand" not in file.read_bytes(), file.name


async def test_names_of_the_registry_and_of_ours_stand_in_the_header(tmp_path):
    async with house(tmp_path) as instance:
        searcher = replace(instance.searcher, registry=working_registry)
        ours = {
            "actor": "person:auditor", "person": "nurse1", "workspace": "default", "purpose": "TREAT", "route": "chat",
            "vendor": "openai", "baa": "baa-1", "decision": "permitted", "type": "request",
        }  # fmt: skip
        question = Question(since=DAY, unresolved=True, **ours)
        await searcher.search(by=AUDITOR, question=question, reason=None, most=9, cursor=None)
        assert (await last(instance))["detail"]["filter"] == (
            "actor=person:auditor baa=baa-1 decision=permitted person=* purpose=TREAT route=chat "
            "since=2026-11-20T15:00:00Z type=request unresolved=True vendor=openai workspace=default"
        )
        refusals = Question(reason_code="baa_expired")
        await searcher.search(by=AUDITOR, question=refusals, reason=None, most=9, cursor=None)
        assert (await last(instance))["detail"]["filter"] == "reason_code=baa_expired"


async def test_pages_follow_one_another_and_are_one_search(tmp_path):
    async with house(tmp_path) as instance:
        wanted = [(await called(instance, "s"))[0] for _ in range(5)][::-1]
        size = (await instance.ledger.head()).size
        page = await ask(instance, type="request", most=2)
        seen = indices(page)
        await called(instance, "s")  # came later: not part of this search
        while page.cursor is not None:
            page = await ask(instance, type="request", most=2, cursor=page.cursor)
            seen += indices(page)
            assert (page.matches, page.scope) == (5, size)
        assert seen == wanted
        assert sum(b'"type":"read"' in header for header in await instance.headers()) == 1


async def test_a_cursor_serves_its_own_person_question_and_time_only(tmp_path):
    async with house(tmp_path) as instance:
        for _ in range(3):
            await called(instance, "s")
        page = await ask(instance, type="request", most=1)
        changed = ("A" if page.cursor[30] != "A" else "B").join((page.cursor[:30], page.cursor[31:]))
        for attempt in (
            ask(instance, type="response", most=1, cursor=page.cursor),
            ask(instance, type="request", most=1, cursor=page.cursor, by=PRIVACY),
            ask(instance, type="request", most=1, cursor=changed),
            ask(instance, type="request", most=1, cursor="é"),
            ask(instance, type="request", most=1, cursor=""),
        ):
            assert await code(attempt) == "cursor_invalid"
        instance.clock.wall_us += 15 * 60 * 1_000_000
        assert await code(ask(instance, type="request", most=1, cursor=page.cursor)) == "cursor_invalid"


@pytest.mark.parametrize(
    "fields",
    [
        {"vendor": "a b"},
        {"type": "nothing"},
        {"actor": "key:a", "application": "b"},
        {"decision": "permitted", "reason_code": "baa_expired"},
        {"type": "request", "reason_code": "baa_expired"},
        {"subject": "s", "unresolved": True},
        {"since": DAY.replace(tzinfo=None)},
        {"subject": "s", "reason": None},
        {"most": 0},
        dict.fromkeys(("actor", "person", "workspace", "purpose", "route", "vendor", "baa"), "x" * 128),
        {"most": 501},
    ],
)
async def test_what_no_header_can_hold_is_not_asked(tmp_path, fields):
    async with house(tmp_path) as instance:
        before = (await instance.ledger.head()).size
        assert await code(ask(instance, **fields)) == "value_invalid"
        assert (await instance.ledger.head()).size == before


async def test_who_may_not_read_may_not_search(tmp_path):
    async with house(tmp_path) as instance:
        assert await code(ask(instance, by=DEVELOPER)) == "role_not_permitted"


async def test_an_index_that_lies_is_not_believed_and_made_anew(tmp_path):
    async with house(tmp_path) as instance:
        true = (await called(instance, "s", vendor="openai"))[0]
        other = (await called(instance, "s", vendor="other"))[0]
        index = instance.searcher.index
        await index.follow()
        await index.close()
        store = sqlite3.connect(tmp_path / "search.db")
        store.execute("UPDATE found SET vendor = (SELECT number FROM words WHERE word = 'openai')")
        store.commit()
        store.close()
        again = SearchIndex(ledger=instance.ledger, path=tmp_path / "search.db")
        searcher = replace(instance.searcher, index=again)
        asked = Question(vendor="openai", type="request")
        page = await searcher.search(by=AUDITOR, question=asked, reason=None, most=9, cursor=None)
        assert indices(page) == [true]
        assert not page.is_whole
        page = await searcher.search(by=AUDITOR, question=Question(vendor="other"), reason=None, most=9, cursor=None)
        assert (indices(page), page.is_whole, again.rebuilt) == ([other], True, 1)
        await again.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM found WHERE idx = 1",
        "UPDATE found SET subject = NULL WHERE idx = 1",
        "UPDATE found SET at_us = at_us + 1 WHERE idx = 1",
        "UPDATE found SET call = 0 WHERE idx = 2",
        "UPDATE found SET idx = idx + 100 WHERE idx = 1",
        "DELETE FROM words",
    ],
)
async def test_a_row_that_was_taken_out_of_the_index_is_missed(tmp_path, damage):
    async with house(tmp_path) as instance:
        await called(instance, "s")
        await instance.searcher.index.follow()
        await instance.searcher.index.close()
        store = sqlite3.connect(tmp_path / "search.db")
        store.execute(damage)
        store.commit()
        store.close()
        again = SearchIndex(ledger=instance.ledger, path=tmp_path / "search.db")
        await again.follow()
        assert not again.is_checked
        while await again.check():
            await again.follow()
        assert (again.rebuilt, again.is_checked) == (1, True)
        assert await again.count(Criteria(below=9, subject=bytes.fromhex(tag_of(instance, "s")))) == 1
        await again.close()


@pytest.mark.parametrize("content", [b"", b"not a database, but of some length" * 99])
async def test_a_file_that_is_no_index_is_replaced(tmp_path, content):
    (tmp_path / "search.db").write_bytes(content)
    async with house(tmp_path) as instance:
        wanted = (await called(instance, "s"))[0]
        assert indices(await ask(instance, subject="s")) == [wanted]


async def test_another_ledger_s_index_is_not_used(tmp_path):
    (tmp_path / "other").mkdir()
    async with house(tmp_path / "other") as instance:
        await called(instance, "s")
        await instance.searcher.index.follow()
    (tmp_path / "other" / "search.db").rename(tmp_path / "search.db")
    async with house(tmp_path) as instance:
        assert indices(await ask(instance, subject="s")) == []


async def test_a_call_that_began_before_a_restart_keeps_its_answer(tmp_path):
    async with house(tmp_path) as instance:
        request, response = await called(instance, "s", answer="the rash is gone")
        await instance.searcher.index.follow()
        index = SearchIndex(ledger=instance.ledger, path=tmp_path / "again.db")
        await index._take(response)  # up to the request
        await index.close()
        index = SearchIndex(ledger=instance.ledger, path=tmp_path / "again.db")
        await index.follow()
        assert await index.select(Criteria(below=99, calls=(request,)), 9) == [response]
        await index.close()


async def look(instance, text, *, by=PRIVACY, reason="complaint", most=1000, **fields):
    return await instance.searcher.search_text(by=by, question=Question(**fields), text=text, reason=reason, most=most)


async def test_text_is_found_in_requests_and_answers_of_the_scope_only(tmp_path):
    async with house(tmp_path) as instance:
        asked = await called(instance, "a", asked="the patient has a penicillin allergy", answer="noted")
        answered = await called(instance, "a", asked="what now", answer="avoid PENICILLIN entirely")
        await called(instance, "b", asked="penicillin for somebody else")
        told = await look(instance, "penicillin", subject="a")
        assert [index for index, _ in told.hits] == [answered[1], asked[0]]
        assert all("penicillin" in around.casefold() for _, around in told.hits)
        assert (told.opened, told.unopenable, told.is_whole) == (4, 0, True)
        entry = await instance.ledger.read(told.read_index)
        header = json.loads(entry.header)
        assert header["detail"]["opened"] == 4
        assert b"penicillin" not in entry.header
        sealed = json.loads(instance.entries.opened(entry.header, entry.payload))
        assert sealed.pop("filter").startswith("subject=")
        assert sealed == {"reason": "complaint", "text": "penicillin", "entries": [*answered[::-1], *asked[::-1]]}


async def test_a_search_of_text_is_bounded_scoped_and_permitted(tmp_path):
    async with house(tmp_path) as instance:
        for _ in range(3):
            await called(instance, "a", asked="penicillin")
        told = await look(instance, "penicillin", subject="a", most=2)
        assert told.opened == 2
        for attempt in (
            look(instance, "x"),
            look(instance, "x", since=DAY),
            look(instance, " ", subject="a"),
            look(instance, "x", subject="a", reason=" "),
            look(instance, "x", subject="a", most=1001),
        ):
            assert await code(attempt) == "value_invalid"
        for by in (AUDITOR, ADMIN):
            assert await code(look(instance, "x", by=by, subject="a")) == "role_not_permitted"
