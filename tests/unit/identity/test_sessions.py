"""Sessions end when they should, guesses wait as they should, and neither forgets over a restart what it must not."""

import asyncio
import os

import pytest

from wardkeep.crypto.password import NOBODY, hash_password, is_password
from wardkeep.identity.breached import is_breached
from wardkeep.identity.last_use import LastUse
from wardkeep.identity.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, MOST_SESSIONS, Guesses, Sessions
from wardkeep.model.sensitive import Secret
from wardkeep.storage.sessions_sqlite import SessionsFile

US = 1_000_000
T0 = 1_800_000_000 * US
KEY = b"k" * 32


@pytest.fixture
def sessions(tmp_path):
    held = Sessions(SessionsFile(tmp_path / "sessions.db"), KEY, os.urandom)
    yield held
    held.close()


async def test_a_session_ends_after_being_idle_and_after_its_absolute_life(sessions):
    token = (await sessions.begin("ana", "passkey", "browser", T0)).token
    at = T0
    while at - T0 < (ABSOLUTE_SECONDS - IDLE_SECONDS) * US:
        at += (IDLE_SECONDS - 1) * US
        assert sessions.find(token, at).person == "ana"
    assert sessions.find(token, T0 + (ABSOLUTE_SECONDS + 1) * US) is None
    token = (await sessions.begin("ana", "passkey", "browser", T0)).token
    assert sessions.find(token, T0 + (IDLE_SECONDS + 1) * US) is None
    # what is over does not come back when the clock does
    assert sessions.find(token, T0) is None


async def test_step_up_gives_a_new_token_and_no_longer_life(sessions):
    old = await sessions.begin("ana", "passkey", "browser", T0)
    new = await sessions.begin("ana", "passkey", "browser", T0 + 60 * US, without=old.row.id)
    assert sessions.find(old.token, T0 + 61 * US) is None
    assert (new.row.created_us, new.row.factor_us) == (T0, T0 + 60 * US)


async def test_a_person_has_so_many_sessions_and_ends_one_or_all(sessions):
    tokens = [(await sessions.begin("ana", "passkey", f"browser {n}", T0 + n)).token for n in range(MOST_SESSIONS + 3)]
    other = await sessions.begin("ben", "passkey", "browser", T0)
    assert len(sessions.of("ana", T0 + 100)) == MOST_SESSIONS
    assert [sessions.find(token, T0 + 100) is None for token in tokens] == [True] * 3 + [False] * MOST_SESSIONS
    assert await sessions.end_all("ana") == MOST_SESSIONS
    assert sessions.of("ana", T0 + 100) == []
    assert sessions.find(other.token, T0 + 100) is not None


async def test_who_is_signed_in_is_told_for_everybody_at_once(sessions):
    for name, at in (("ana", T0), ("ben", T0), ("ana", T0 + US), ("cy", T0 - IDLE_SECONDS * US)):
        await sessions.begin(name, "passkey", "browser", at)
    live = sessions.live(T0 + 2 * US)
    assert live == {name: sessions.of(name, T0 + 2 * US) for name in ("ana", "ben")}
    assert len(live["ana"]) == 2
    assert sessions.people() == {"ana", "ben", "cy"}, "cy is idle, and nobody ended it"
    await sessions.end_all("ana")
    assert sessions.people() == {"ben", "cy"}


async def test_what_must_not_be_forgotten_is_there_after_a_restart(tmp_path):
    first = Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom)
    token = (await first.begin("ana", "password+totp", "browser", T0)).token
    await first.advance("totp:ana", 41)
    await first.advance("totp:ana", 42)
    ended = await first.begin("ana", "passkey", "browser", T0)
    await first.end(ended.row.id)
    first.close()
    assert token.reveal().encode() not in (tmp_path / "s.db").read_bytes()
    second = Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom)
    assert second.mark("totp:ana") == 42
    assert second.mark("totp:ben") == -1
    assert second.find(token, T0 + US).method == "password+totp"
    assert second.find(ended.token, T0 + US) is None
    second.close()
    third = Sessions(SessionsFile(tmp_path / "s.db"), b"x" * 32, os.urandom)
    assert third.find(token, T0 + US) is None
    third.close()


async def test_no_token_is_found_by_guessing_its_form(sessions):
    await sessions.begin("ana", "passkey", "browser", T0)
    for odd in ("", "A" * 43, "../..", "\0", "ana"):
        assert sessions.find(Secret(odd), T0) is None


def test_waits_grow_are_bounded_and_end():
    guesses = Guesses()
    waits = []
    at = T0
    for _ in range(20):
        guesses.failed("password", "ana", at)
        waits.append(guesses.wait_seconds("password", "ana", at))
        at += waits[-1] * US
    assert waits[:8] == [0, 0, 0, 0, 30, 60, 120, 240]
    assert max(waits) == 3600
    assert guesses.wait_seconds("code", "ana", at) == guesses.wait_seconds("password", "ben", at) == 0
    assert guesses.wait_seconds("password", "ana", at) == 0
    guesses.succeeded("password", "ana")
    assert not guesses.failed("password", "ana", at)
    for number in range(25_000):
        guesses.failed("password", f"name-{number}", at)
    assert guesses.wait_seconds("password", "ana", at) == 0
    assert len(guesses._tries) <= 20_000


def test_a_password_is_the_same_however_it_was_composed_and_nobody_has_one():
    stored = hash_password("Zo\u00eb drives at night")
    assert stored.startswith("$argon2id$")
    assert is_password("Zoe\u0308 drives at night", stored)
    assert not is_password("Zoe drives at night", stored)
    assert not is_password("", NOBODY)
    assert hash_password("the same words") != hash_password("the same words")


def test_a_breached_password_is_found_in_an_ordered_list_of_any_size(tmp_path):
    from hashlib import sha1

    listed = tmp_path / "breached.txt"
    assert not is_breached("anything", listed)
    listed.write_bytes(b"")
    assert not is_breached("anything", listed)
    words = [f"password-{n}" for n in range(500)]
    for count in (1, 2, 3, 500):
        hashes = sorted(sha1(word.encode()).hexdigest().upper() for word in words[:count])
        listed.write_text("".join(f"{each}:{n}\r\n" for n, each in enumerate(hashes)))
        assert all(is_breached(word, listed) for word in words[:count])
        assert not any(is_breached(f"{word}!", listed) for word in words[:count])


async def test_the_last_use_of_a_key_is_told_once_a_minute_and_at_the_end(tmp_path):
    held = Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom)
    uses = LastUse(held)
    assert uses.at("k1") is None
    uses.note("k1", T0)
    assert uses.at("k1").timestamp() * US == T0
    await uses.keep(T0)
    uses.note("k1", T0 + 5 * US)
    await uses.keep(T0 + 6 * US)
    assert held.mark("key-used:k1") == T0
    await uses.keep(T0 + 61 * US)
    assert held.mark("key-used:k1") == T0 + 5 * US
    uses.note("k2", T0)
    await uses.keep(T0 + 62 * US, is_last=True)
    held.close()
    again = LastUse(Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom))
    assert again.at("k1").timestamp() * US == T0 + 5 * US
    assert again.at("k2").timestamp() * US == T0
    assert again.at("k3") is None


async def test_a_disk_that_hangs_holds_nobody_else_up_and_nothing_is_proven_before_it_answers(tmp_path):
    store = SessionsFile(tmp_path / "s.db")
    held = Sessions(store, KEY, os.urandom)
    begun = await held.begin("ana", "passkey", "browser", T0)
    with store._turn:  # another write that does not end
        work = [
            asyncio.create_task(held.advance("totp:ana", 7)),
            asyncio.create_task(held.begin("ana", "passkey", "browser", T0)),
            asyncio.create_task(held.end(begun.row.id)),
        ]
        for _ in range(10):
            await asyncio.sleep(0)  # the loop goes on
        assert not any(each.done() for each in work)
        # what is stricter holds at once: the code is spent, the session over
        assert held.mark("totp:ana") == 7
        assert held.find(begun.token, T0) is None
    _, other, _ = await asyncio.gather(*work)
    held.close()
    again = Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom)
    assert again.mark("totp:ana") == 7
    assert again.find(begun.token, T0) is None
    assert again.find(other.token, T0).person == "ana"
    again.close()


async def test_who_ends_all_sessions_ends_one_that_is_just_beginning(tmp_path):
    store = SessionsFile(tmp_path / "s.db")
    held = Sessions(store, KEY, os.urandom)
    with store._turn:
        beginning = asyncio.create_task(held.begin("ana", "passkey", "browser", T0))
        await asyncio.sleep(0)
        ending = asyncio.create_task(held.end_all("ana"))
        await asyncio.sleep(0)
    late = (await beginning).token
    assert await ending == 1
    assert held.find(late, T0) is None
    held.close()
    again = Sessions(SessionsFile(tmp_path / "s.db"), KEY, os.urandom)
    assert again.find(late, T0) is None
    again.close()
