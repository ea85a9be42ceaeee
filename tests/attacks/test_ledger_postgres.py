"""The ledger in PostgreSQL: a stolen run-time role rewrites nothing; writers at once and outages lose nothing."""

import asyncio
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.simulators.cut_line import CutLine
from tests.simulators.postgres import OWNER, PASSWORD, ROLE, Postgres
from tests.unit.audit import samples

from wardkeep.audit.entry import decode
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.ledger import DEADLINE_SECONDS
from wardkeep.audit.release import abort_id
from wardkeep.audit.verify import verify
from wardkeep.crypto.ca import create_authority, issue_server_certificate
from wardkeep.storage._postgres import ANSWER_SECONDS
from wardkeep.storage.errors import StoreMismatch
from wardkeep.storage.postgres_owner import prepare
from wardkeep.transport.tls import database_context

RING = samples.keyring()


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def login(postgres):
    return samples.made_database(postgres)


async def checked(ledger, home):
    """Close the ledger and return what the offline verifier says of a copy of it."""
    copy = home / "copy.db"
    copy.unlink(missing_ok=True)
    await ledger.copy_to(copy)
    await ledger.close()
    result = verify(copy, home / "ledger.pub")
    assert result.ok, result
    assert result.signed
    return result


def opened_at_last(home, login):
    """Open with the usual patience, again if need be: the machine may be busy with other things."""
    ends = time.monotonic() + 120
    while True:
        try:
            return samples.open_shared(home, RING, login, deadline_seconds=DEADLINE_SECONDS)
        except LedgerUnavailable:
            assert time.monotonic() < ends


async def resumed(ledger):
    """Wait until an append goes through."""
    return await until_appended(ledger, samples.draft("read"))


async def until_appended(ledger, one):
    """Append one entry, again if need be, until it stands: it is one entry all the same."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await ledger.append([one])
            except LedgerUnavailable:
                await asyncio.sleep(0)


@pytest.fixture(scope="module")
def month(postgres, tmp_path_factory):
    """Return the month of three entries that stand."""
    login = samples.made_database(postgres)

    async def write():
        ledger = samples.open_shared(tmp_path_factory.mktemp("role"), RING, login)
        await ledger.append([samples.draft() for _ in range(3)])
        await ledger.close()

    asyncio.run(write())
    return postgres.sql("SELECT month FROM wardkeep.head")


class TestRuntimeRole:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE wardkeep.entries SET header = ''",
            "DELETE FROM wardkeep.entries",
            "TRUNCATE wardkeep.entries",
            "DROP TABLE wardkeep.entries",
            "UPDATE wardkeep.payloads SET payload = ''",
            "DELETE FROM wardkeep.payloads",
            "TRUNCATE wardkeep.payloads",
            "DELETE FROM wardkeep.payloads_{month}",
            "TRUNCATE wardkeep.payloads_{month}",
            "DROP TABLE wardkeep.payloads_{month}",
            "INSERT INTO wardkeep.payloads_{month} VALUES ({month}, 9, '')",
            "ALTER TABLE wardkeep.payloads DETACH PARTITION wardkeep.payloads_{month}",
            "UPDATE wardkeep.checkpoints SET note = ''",
            "DELETE FROM wardkeep.checkpoints",
            "DELETE FROM wardkeep.head",
            "UPDATE wardkeep.head SET size = size - 1",
            "UPDATE wardkeep.head SET facts_epoch = -1",
            "UPDATE wardkeep.instance SET origin = 'another'",
            "ALTER TABLE wardkeep.head DISABLE TRIGGER keep_head",
            "DROP TRIGGER keep_head ON wardkeep.head",
            "SELECT wardkeep.add_month(209912)",
            "CREATE TABLE wardkeep.more(x integer)",
            f"SET ROLE {OWNER}",
        ],
    )
    def test_can_rewrite_nothing(self, postgres, month, statement):
        with pytest.raises(RuntimeError, match=r"permission denied|must be owner|only moves forward|only a month"):
            postgres.sql(statement.format(month=month), user=ROLE)
        assert postgres.sql("SELECT count(*) FROM wardkeep.entries") == "3"
        assert postgres.sql("SELECT count(*) FROM wardkeep.payloads") == "3"

    @pytest.mark.parametrize("user", [OWNER, "postgres"])
    def test_ledger_refuses_a_role_that_could(self, postgres, login, tmp_path, user):
        strong = samples.login_to(postgres.url(user))
        with pytest.raises(LedgerUnavailable, match="may change or delete entries"):
            samples.open_shared(tmp_path, RING, strong)

    @pytest.mark.parametrize("role", [OWNER, "postgres", "absent"])
    def test_preparing_for_a_role_that_could_is_refused(self, postgres, role):
        postgres.empty()
        owner = samples.login_to(postgres.url(OWNER))
        with pytest.raises(StoreMismatch, match="role"):
            prepare(owner, origin=samples.ORIGIN, role=role)
        assert postgres.sql("SELECT to_regclass('wardkeep.entries') IS NULL") == "t"


def test_database_of_another_log_is_refused(postgres, login, tmp_path):
    owner = samples.login_to(postgres.url(OWNER))
    assert not prepare(owner, origin=samples.ORIGIN, role=ROLE)
    with pytest.raises(StoreMismatch, match="another instance"):
        prepare(owner, origin="ledger.example/other", role=ROLE)


def test_database_that_does_not_sync_is_refused(postgres, login, tmp_path):
    postgres.sql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf()".replace(";", ";\n"))
    try:
        with pytest.raises(LedgerUnavailable, match="does not sync"):
            # A reload reaches new connections as soon as the server has read it.
            until_refused(tmp_path, login)
    finally:
        postgres.sql("ALTER SYSTEM RESET fsync;\nSELECT pg_reload_conf()")


def until_refused(home, login):
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        asyncio.run(samples.open_shared(home, RING, login).close())


def test_another_machine_is_reached_by_tls_only(tmp_path):
    with pytest.raises(LedgerUnavailable, match="TLS only"):
        samples.open_shared(tmp_path, RING, samples.login_to("postgresql://wardkeep@db.example/w"))


def write_from(home, login, threads, appends, each):
    """Append from several ledgers at once, each on its own connection as replicas are; return all indices."""
    indexes: list[list[int]] = []
    failures: list[BaseException] = []

    async def append_many():
        ledger = samples.open_shared(home, RING, login)
        mine = []

        async def caller():
            for _ in range(appends):
                request = samples.draft(payload=b"x" * 64)
                mine.append((await ledger.append([request]))[0].index)
                answer = samples.draft("response", parent=request.id, closes=request.id, payload=b"y" * 64)
                mine.append((await ledger.append([answer]))[0].index)

        await asyncio.gather(*(caller() for _ in range(each)))
        indexes.append(mine)
        await ledger.close()

    def run():
        try:
            asyncio.run(append_many())
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert failures == []
    return indexes


def check_writers(home, login, threads, appends, each):
    indexes = write_from(home, login, threads, appends, each)
    total = threads * appends * each * 2
    assert sorted(index for mine in indexes for index in mine) == list(range(total))

    async def check():
        ledger = samples.open_shared(home, RING, login)
        assert await ledger.open_requests() == []
        assert (await checked(ledger, home)).size == total

    asyncio.run(check())


def test_two_writers_at_once_leave_one_gapless_signed_log(login, tmp_path):
    check_writers(tmp_path, login, 2, 12, 8)


@pytest.mark.slow
def test_four_writers_with_a_hundred_thousand_entries_give_no_false_alarm(login, tmp_path):
    check_writers(tmp_path, login, 4, 400, 32)


async def test_writer_sees_at_once_what_another_wrote(login, tmp_path):
    one, two = (samples.open_shared(tmp_path, RING, login) for _ in range(2))
    await one.append([samples.draft()])
    assert (await two.head()).size == 1
    control = await two.append_control(samples.draft("control", payload=None), lambda index: None)
    with pytest.raises(StaleFacts):
        await one.append([samples.draft(facts_epoch=0)])
    await one.append([samples.draft(facts_epoch=control.index + 1)])
    assert await one.head() == await two.head()
    await one.close()
    await checked(two, tmp_path)


async def test_answer_to_a_request_that_another_closed_is_refused(login, tmp_path):
    one, two = (samples.open_shared(tmp_path, RING, login) for _ in range(2))
    request, other = samples.draft(owner="one"), samples.draft(owner="two")
    await one.append([request, other])
    assert len(await two.abort_owner("one")) == 1
    assert len(await one.abort_owner("one")) == 0
    answers = [samples.draft("response", parent=each.id, closes=each.id) for each in (request, other)]
    outcomes = await one.append_each([[answer] for answer in answers])
    assert isinstance(outcomes[0], LedgerUnavailable)
    assert outcomes[1][0].index == 3
    assert await two.open_requests() == []
    await one.close()
    await checked(two, tmp_path)


@pytest.mark.parametrize("is_heard", [True, False], ids=["committed", "lost"])
async def test_connection_cut_within_a_commit_is_resolved_by_what_the_database_holds(
    postgres, login, tmp_path, is_heard
):
    line = CutLine(tmp_path, postgres.directory)
    through = samples.login_to(f"postgresql://{ROLE}@/ledger?host={tmp_path}")
    ledger = samples.open_shared(tmp_path, RING, through)
    try:
        kept = await ledger.append([samples.draft()])
        line.word, line.is_heard = b"COMMIT\0", is_heard
        drafts = [samples.draft(), samples.draft("read")]
        receipts = await ledger.append(drafts)
        assert line.cuts == 1
        assert [receipt.index for receipt in (*kept, *receipts)] == [0, 1, 2]
        assert await ledger.append(drafts) == receipts
        assert len(await ledger.open_requests()) == 2
        assert (await checked(ledger, tmp_path)).size == 3
    finally:
        line.close()


async def test_connection_cut_anywhere_in_a_batch_loses_and_doubles_nothing(postgres, login, tmp_path):
    line = CutLine(tmp_path, postgres.directory)
    through = samples.login_to(f"postgresql://{ROLE}@/ledger?host={tmp_path}")
    ledger = samples.open_shared(tmp_path, RING, through)
    acknowledged = []
    try:
        for word in (b"BEGIN\0", b"FOR UPDATE", b"COPY", b"PGCOPY", b"UPDATE wardkeep.head", b"COMMIT\0"):
            for line.is_heard in (True, False):
                line.word = word
                one = samples.draft("read")
                try:
                    await ledger.append([one])
                    acknowledged.append(one.id)
                except LedgerUnavailable:
                    pass
                await until_appended(ledger, other := samples.draft("read"))
                acknowledged.append(other.id)
        assert line.cuts > 4
        stored = [entry.id async for entry in ledger.scan(0, 1 << 40)]
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
        await checked(ledger, tmp_path)
    finally:
        line.close()


@pytest.mark.parametrize("how", ["immediate", "fast"])
async def test_database_that_goes_away_refuses_and_recovers_without_restart(postgres, login, tmp_path, how):
    ledger = samples.open_shared(tmp_path, RING, login)
    kept = [samples.draft() for _ in range(20)]
    await ledger.append(kept)
    postgres.stop(how)
    results = await asyncio.gather(*(ledger.append([samples.draft()]) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} <= {LedgerUnavailable, LedgerTimeout}
    assert not ledger.writable
    assert ledger.failure
    assert not await ledger.probe()
    postgres.start()
    await resumed(ledger)
    assert ledger.writable
    stored = {entry.id async for entry in ledger.scan(0, 1 << 40)}
    assert {one.id for one in kept} <= stored
    assert len(await ledger.open_requests()) == 20
    await checked(ledger, tmp_path)


async def test_frozen_database_refuses_at_the_deadline_and_recovers(postgres, login, tmp_path):
    usual = replace(login, answer_seconds=ANSWER_SECONDS)
    ledger = opened_at_last(tmp_path, usual)
    kept = samples.draft()
    await until_appended(ledger, kept)
    postgres.freeze()
    try:
        drafts = [samples.draft() for _ in range(30)]
        results = await asyncio.gather(*(ledger.append([one]) for one in drafts), return_exceptions=True)
        # Only a deadline can have answered while the server answers nothing; that it is two seconds is the constant.
        assert {type(result) for result in results} <= {LedgerUnavailable, LedgerTimeout}
        assert ANSWER_SECONDS < DEADLINE_SECONDS == 2.0
        assert not ledger.writable
    finally:
        postgres.thaw()
    await resumed(ledger)
    watching = samples.open_shared(tmp_path, RING, login)
    async with asyncio.timeout(120):
        while {row[0] for row in await watching.open_requests()} != {kept.id}:
            await resumed(ledger)
    await ledger.close()
    ledger = watching
    stored = {decode(entry.header).id async for entry in ledger.scan(0, 1 << 40)}
    # What was refused either does not stand, or stands closed.
    left = {row[0] for row in await ledger.open_requests()}
    assert left == {kept.id}
    for one in drafts:
        assert (one.id.hex() in stored) == (abort_id(one.id).hex() in stored)
    await checked(ledger, tmp_path)


async def test_copy_that_lags_behind_is_not_taken_for_the_log(postgres, login, tmp_path):
    """A fail-over to a server that lacks what was acknowledged: refused, not continued."""
    ledger = samples.open_shared(tmp_path, RING, login)
    await ledger.append([samples.draft("read")])
    postgres.stop("fast")
    old = postgres.directory / "old"
    shutil.copytree(postgres.data, old, copy_function=shutil.copy2)
    for path in (old, *old.rglob("*")):
        shutil.chown(path, postgres.data.owner(), postgres.data.group())
    postgres.start()
    await resumed(ledger)
    size = (await ledger.head()).size
    postgres.stop("fast")
    shutil.move(postgres.data, postgres.directory / "true")
    shutil.move(old, postgres.data)
    postgres.start()
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            await ledger.append([samples.draft("read")])
        assert not await ledger.probe()
    assert "lost or replaced" in ledger.failure
    postgres.stop("fast")
    shutil.rmtree(postgres.data)
    shutil.move(postgres.directory / "true", postgres.data)
    postgres.start()
    await resumed(ledger)
    assert (await checked(ledger, tmp_path)).size == size + 1


class TestOverTheNetwork:
    """Between machines: TLS 1.3, the right server, and a password."""

    @pytest.fixture(scope="class")
    @classmethod
    def far(cls, tmp_path_factory):
        """Yield how a server with a certificate of our own is reached, and the authority of another."""
        place, other = tmp_path_factory.mktemp("tls"), tmp_path_factory.mktemp("other")
        now = datetime.now(UTC)
        issue_server_certificate(create_authority(place, now=now), place, names=("localhost",), now=now)
        create_authority(other, now=now)
        server = Postgres()
        try:
            samples.made_database(server)
            port = server.listen(place / "server.crt", place / "server.key")
            yield f"postgresql://{ROLE}@localhost:{port}/ledger", place / "ca.crt", other / "ca.crt"
        finally:
            server.close()

    async def test_verified_server_takes_entries(self, far, tmp_path):
        url, authority, _ = far
        login = samples.login_to(url, password=PASSWORD, tls=database_context(authority))
        ledger = samples.open_shared(tmp_path, RING, login)
        await ledger.append([samples.draft("read")])
        assert (await checked(ledger, tmp_path)).size >= 1

    def test_server_of_another_authority_is_refused(self, far, tmp_path):
        url, _, other = far
        with pytest.raises(LedgerUnavailable):
            samples.open_shared(tmp_path, RING, samples.login_to(url, password=PASSWORD, tls=database_context(other)))

    def test_server_by_another_name_is_refused(self, far, tmp_path):
        url, authority, _ = far
        other = url.replace("localhost", "127.0.0.1")
        with pytest.raises(LedgerUnavailable):
            samples.open_shared(
                tmp_path, RING, samples.login_to(other, password=PASSWORD, tls=database_context(authority))
            )

    def test_wrong_password_is_refused_and_told_to_nobody(self, far, tmp_path):
        url, authority, _ = far
        with pytest.raises(LedgerUnavailable, match="refuses this role") as refused:
            samples.open_shared(
                tmp_path, RING, samples.login_to(url, password="wrong", tls=database_context(authority))
            )
        assert PASSWORD not in repr(refused.value)
        assert PASSWORD not in repr(samples.login_to(url, password=PASSWORD))

    def test_connection_in_clear_is_refused(self, far, tmp_path):
        url, _, _ = far
        with pytest.raises(LedgerUnavailable, match="TLS only"):
            samples.open_shared(tmp_path, RING, samples.login_to(url, password=PASSWORD))
