"""`wardkeep ledger`: keep the ledger in PostgreSQL (DESIGN section 4)."""

import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from wardkeep.app.database import login_for, login_of, reader_for
from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.verify import Result, UnusableInput, read_public_key, verify
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines
from wardkeep.settings import Settings, load
from wardkeep.storage.ledger_sqlite import LedgerFile
from wardkeep.storage.ledger_store import StoreCopy

MOVED: Final = "ledger.moved.db"
_PORTION: Final = 256
_PATIENCE_SECONDS: Final = 30.0


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The ledger's database: make it ready, move the log, copy it.")
    group.command("prepare")(prepare)
    group.command("move")(move)
    group.command("copy")(copy)
    root.add_typer(group, name="ledger")


def prepare(
    *,
    home: Home,
    database: Annotated[str, typer.Option(help="The database's address, as the role that will own the tables.")],
    role: Annotated[str, typer.Option(help="The role that the instance will run as; it exists already.")],
    login: Annotated[Path | None, typer.Option(help="A file, mode 600, with the owner's password.")] = None,
    authority: Annotated[Path | None, typer.Option(help="The authority of the server's certificate (PEM).")] = None,
    json: Json = False,
) -> None:
    """Make the ledger's tables in a PostgreSQL database. The run-time role may then insert, and rewrite nothing."""
    key = published_key(load(home))
    owner = login_of(database, login, authority)
    from wardkeep.storage.postgres_owner import prepare as make_tables  # noqa: PLC0415 - asyncpg is optional

    is_new = make_tables(owner, origin=key.name, role=role)
    if json:
        print_json({"prepared": is_new, "role": role, "log": key.name})
    else:
        print_lines(
            f"The database {'is ready' if is_new else 'was ready already'} for {key.name}; {role} may insert into it.",
            "Next: name it as `ledger.database` in wardkeep.toml with that role, and run `wardkeep ledger move`.",
        )


def move(*, home: Home, json: Json = False) -> None:
    """Move the log of a stopped instance from ledger.db into the empty database that the settings name.

    The file is kept beside it under another name, until a copy from the database has verified with the same root.
    """
    settings = load(home)
    key = published_key(settings)
    login_for(settings)  # says what is wrong with the settings before anything is done
    if not settings.ledger_path.exists():
        raise CommandFailed(
            "nothing_to_move",
            what=f"{settings.ledger_path} does not exist.",
            why="A log is moved from there.",
            fix="Restore it, or start the instance if its log is in the database already.",
        )
    file = LedgerFile(settings.ledger_path)  # keeps a server out until this has ended
    try:
        with tempfile.TemporaryDirectory(dir=settings.home) as directory:
            copied = Path(directory) / "ledger.db"
            _fill(file.begin_copy(copied))  # to open the file itself again would drop its locks
            before = verify(copied, settings.ledger_public_key_path)
        _require_whole(before, "ledger.db")
        head = file.head()
        if head is None:
            raise CommandFailed("nothing_to_move", what="The log has no entry.", why="", fix="Start without it.")
        database = reader_for(settings, key.name, answer_seconds=_PATIENCE_SECONDS)
        try:
            if database.head() != head:  # else a move was broken off before the file was put aside
                portions = (file.rows(at, min(at + _PORTION, head.size)) for at in range(0, head.size, _PORTION))
                database.load(head, file.open_requests(), file.checkpoints(), portions)
        finally:
            database.close()
    finally:
        file.close()
    after = verify_database(settings)
    _require_whole(after, "the database")
    if (after.size, after.root) != (before.size, before.root):
        raise CommandFailed(
            "moved_log_differs",
            what="The database's log is not the one that was moved.",
            why="Nothing may be lost on the way (45 CFR 164.312(c)(1)).",
            fix="Have the owner drop the schema wardkeep, prepare it again, and move again.",
        )
    kept = settings.home / MOVED
    settings.ledger_path.rename(kept)
    if json:
        print_json({"size": after.size, "root": after.root, "kept": str(kept)})
    else:
        print_lines(f"{after.size} entries are in the database and verify; the file is kept as {kept}.")


def copy(
    *,
    home: Home,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The new file; it does not exist yet.")],
    json: Json = False,
) -> None:
    """Copy the log out of the database into a file that `wardkeep verify` and auditors read without it."""
    settings = load(home)
    copy_database(settings, out)
    result = verify(out, settings.ledger_public_key_path)
    _require_whole(result, str(out))
    if json:
        print_json({"file": str(out), "size": result.size, "root": result.root})
    else:
        print_lines(f"{out} holds {result.size} entries, and verifies.")


def verify_database(settings: Settings) -> Result:
    """Return what the verifier says of the log in the database, checked on a copy beside the instance."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "ledger.db"
        copy_database(settings, target)
        return verify(target, settings.ledger_public_key_path)


def copy_database(settings: Settings, target: Path) -> None:
    """Copy the log as it is now to a new file; the instance may go on. Raises StoreError, UnusableInput."""
    if not settings.ledger.database:
        raise UnusableInput("this home's ledger is ledger.db, and `ledger.database` names none")
    database = reader_for(settings, published_key(settings).name, answer_seconds=_PATIENCE_SECONDS)
    try:
        _fill(database.begin_copy(target))
    finally:
        database.close()


def published_key(settings: Settings) -> VerifierKey:
    """Return the log's published key. Raises UnusableInput."""
    found = read_public_key(settings.ledger_public_key_path)
    return VerifierKey(name=found.name, public=found.raw)


def _fill(copying: StoreCopy) -> None:
    """Carry out a copy and make it durable."""
    try:
        while not copying.step():
            continue
    finally:
        copying.close()
    copying.sync()


def _require_whole(result: Result, what: str) -> None:
    if not result.ok:
        raise CommandFailed(
            "log_damaged",
            what=f"{what} is damaged: {result.damage} at index {result.first_bad_index}.",
            why=f"{result.detail}.",
            fix="Keep it as it is and call the security officer.",
        )
