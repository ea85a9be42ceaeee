"""`wardkeep ledger`: a home's log goes into a real PostgreSQL, is served from there by one instance, and verifies."""

import asyncio
import shutil
from datetime import date

import pytest
from tests.simulators.postgres import OWNER, ROLE, Postgres
from tests.unit.cli.command import Shell, make_home, serving
from tests.unit.compliance.organisation import registry

from wardkeep.app.home import open_home
from wardkeep.app.places import places_of
from wardkeep.compliance.destinations import closing, standings
from wardkeep.model.destination import Carries
from wardkeep.settings import SettingsInvalid, clock, load, parse

WHY = ("--reason", "because", "--json")


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def configured(home, url, **more):
    """Name a database in a home's settings."""
    file = home / "wardkeep.toml"
    text = file.read_text().replace('\ndatabase = ""', f'\ndatabase = "{url}"')
    for name, value in more.items():
        text = text.replace(f'\n{name} = ""', f'\n{name} = "{value}"')
    file.write_text(text)


def moved(shell, postgres, home):
    """Make a home whose log is in the database."""
    make_home(shell, home)
    postgres.empty()
    prepare = ("ledger", "prepare", "--home", home, "--database", postgres.url(OWNER), "--role", ROLE, "--json")
    assert shell(*prepare).json["prepared"]
    assert not shell(*prepare).json["prepared"]
    configured(home, postgres.url())
    done = shell("ledger", "move", "--home", home, "--json")
    assert done.status == 0, done.err
    return done.json


async def open_and_close(home):
    await (await open_home(load(home), clock)).close()


@pytest.mark.slow
def test_log_is_moved_served_changed_copied_and_verified(shell, postgres, tmp_path):
    home = tmp_path / "home"
    done = moved(shell, postgres, home)
    assert done["size"] > 0
    assert not (home / "ledger.db").exists()
    assert (home / "ledger.moved.db").exists()
    with serving(home):
        rule = ("--class", "ai_content", "--years", "9", "--citation", "state law")
        made = shell("retention", "set", "longer", "--home", home, "--as", "first", *rule, *WHY)
        assert made.status == 0, made.err
        # A second instance is kept out while the first serves, also one with a home of its own.
        other = shutil.copytree(home, tmp_path / "other", ignore=shutil.ignore_patterns("run"))
        kept_out = shell("serve", "--home", other)
        assert kept_out.status == 1
        assert "another instance serves from this database" in kept_out.err
        result = shell("verify", "--home", home, "--json")
        assert result.status == 0, result.err
        assert result.json["ok"]
        assert result.json["signed"]
        assert result.json["size"] > done["size"]
    copy = tmp_path / "copy.db"
    assert shell("ledger", "copy", "--home", home, "--out", copy, "--json").json["size"] >= result.json["size"]
    assert shell("verify", copy, "--home", home, "--public-key", home / "ledger.pub", "--json").json["ok"]
    assert shell("ledger", "copy", "--home", home, "--out", copy, "--json").status == 1
    found = {each["what"]: each for each in shell("doctor", "--home", home, "--json").json["findings"]}
    assert found["ledger"]["standing"] == "ok"
    asyncio.run(open_and_close(home))


def test_damage_in_the_database_is_found_by_verify(shell, postgres, tmp_path):
    home = tmp_path / "home"
    moved(shell, postgres, home)
    postgres.sql("UPDATE wardkeep.payloads SET payload = payload || '\\x00' WHERE idx = 0", user=OWNER)
    result = shell("verify", "--home", home, "--json")
    assert result.status == 1
    assert (result.json["first_bad_index"], result.json["damage"]) == (0, "payload")


def test_home_with_a_file_and_a_database_does_not_start(shell, postgres, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    configured(home, postgres.url())
    done = shell("serve", "--home", home)
    assert done.status == 1
    assert "wardkeep ledger move" in done.err


def test_database_that_holds_entries_takes_no_other_log(shell, postgres, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    moved(shell, postgres, first)
    make_home(shell, second)
    configured(second, postgres.url())
    done = shell("ledger", "move", "--home", second)
    assert done.status == 1
    assert "another instance" in done.err
    assert (second / "ledger.db").exists()


@pytest.mark.slow
def test_log_that_went_on_in_the_file_is_not_moved_over_the_one_in_the_database(shell, postgres, tmp_path):
    home = tmp_path / "home"
    size = moved(shell, postgres, home)["size"]
    # A move that was broken off before the file was put aside is finished by the next one.
    (home / "ledger.moved.db").rename(home / "ledger.db")
    assert shell("ledger", "move", "--home", home, "--json").json["size"] == size
    (home / "ledger.moved.db").rename(home / "ledger.db")
    settings = (home / "wardkeep.toml").read_text()
    (home / "wardkeep.toml").write_text(settings.replace(postgres.url(), ""))
    with serving(home):
        assert shell("audit", "head", "--home", home, "--as", "first", "--json").status == 0
        rule = ("--class", "ai_content", "--years", "9", "--citation", "state law")
        assert shell("retention", "set", "longer", "--home", home, "--as", "first", *rule, *WHY).status == 0
    (home / "wardkeep.toml").write_text(settings)
    refused = shell("ledger", "move", "--home", home)
    assert refused.status == 1
    assert "holds entries already" in refused.err
    assert (home / "ledger.db").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('database = "postgresql://wardkeep:hunter2@db.example/wardkeep"', "holds no password"),
        ('database = "mysql://wardkeep@db.example/wardkeep"', "ledger.database is postgresql://"),
        ('database_password = "hunter2"', "looks like a secret"),
    ],
)
def test_settings_hold_no_password_and_no_other_database(tmp_path, line, told):
    with pytest.raises(SettingsInvalid, match=told) as refused:
        parse(f"[ledger]\n{line}\n", tmp_path)
    assert "hunter2" not in str(refused.value)


def test_password_file_that_others_may_read_is_refused(shell, postgres, tmp_path):
    home = tmp_path / "home"
    moved(shell, postgres, home)
    configured(home, "", database_login="database.login")
    (home / "database.login").write_text("hunter2\n")
    (home / "database.login").chmod(0o640)
    done = shell("verify", "--home", home)
    assert done.status == 1
    assert "chmod go=" in done.err
    (home / "database.login").chmod(0o600)
    assert shell("verify", "--home", home, "--json").json["ok"]


@pytest.mark.parametrize(
    ("lines", "is_here", "agreement"),
    [
        ('database = "postgresql://w@db.example/w"', False, None),
        ('database = "postgresql://w@db.example/w"\ndatabase_agreement = "baa-db"', False, "baa-db"),
        ('database = "postgresql://w@db.example/w"\ndatabase_agreement = "own"', True, None),
        ('database = "postgresql://w@/w?host=/run/postgresql"', True, None),
    ],
)
def test_database_is_a_destination_that_holds_phi(tmp_path, lines, is_here, agreement):
    (found,) = (each for each in places_of(parse(f"[ledger]\n{lines}\n", tmp_path)) if each.id == "database")
    assert (found.carries, found.is_here, found.agreement) == (Carries.CONTENT, is_here, agreement)
    # Neither is there such an agreement: what is not here keeps the instance from starting.
    assert bool(closing(standings(registry(), [found], date(2026, 11, 23)))) is not is_here


@pytest.mark.slow
def test_backup_holds_the_log_of_the_database(shell, postgres, tmp_path):
    home = tmp_path / "home"
    moved(shell, postgres, home)
    place = tmp_path / "backups"
    with serving(home):
        made = shell("backup", "make", "--home", home, "--as", "first", "--to", place, "--json")
    assert made.status == 0, made.err
    assert made.json["entries"] > 0, made.json
