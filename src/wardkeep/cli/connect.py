"""`wardkeep connect`: points a client at the gateway, and takes that back byte for byte.

Runs where the client is; no server has to be there, except to make a key. The key is made here (`--owner`), read from a
file or from standard input, or asked for: never given on the command line, where every process can read it.
"""

import difflib
import getpass
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from wardkeep.cli._client import client as client_of
from wardkeep.cli._connect_clients import Aim, ClientName, files_of, held_key, origin_of, settings_of, write
from wardkeep.cli._connect_edits import without_secrets
from wardkeep.cli._connect_record import (
    Edit,
    differing,
    keep_and_write,
    put_back,
    read_bytes,
    read_record,
    records_of,
)
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, print_json, print_lines
from wardkeep.identity.keys import parse_credential
from wardkeep.settings import load

_PLACEHOLDER: Final = "wk_live_YOUR_KEY"
_STANDARD_INPUT: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewKey:
    """What a key to be made here may do."""

    home: Path
    acting: str | None
    client: ClientName
    owner: str
    models: tuple[str, ...]
    purposes: tuple[str, ...]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("connect")(command)


def command(
    client: Annotated[ClientName, typer.Argument(metavar="CLIENT", help="openai-env, claude-code, codex, open-webui.")],
    *,
    home: Home,
    url: Annotated[str | None, typer.Option(help="The gateway's address; else that of --home.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="The client's settings file, where it is not the usual one.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="A file with the key; - is standard input.")] = None,
    owner: Annotated[str | None, typer.Option(help="Make a key here: the person who answers for it.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="The model the client asks for; more for a key made here.")
    ] = None,
    purpose: Annotated[
        list[str] | None, typer.Option("--purpose", help="Of a key made here; the first is what its calls state.")
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(help="The PEM file that the gateway's certificate comes from, if a private one.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last connecting back.")] = False,
    show: Annotated[bool, typer.Option("--print", help="Show the settings; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Write a client's settings so that it calls the gateway; --undo takes them back byte for byte."""
    settings = settings_of(client, file)
    if undo:
        _undo(client, settings, json=json)
        return
    origin = origin_of(url if url is not None else _address(home))
    found = {path: read_bytes(path) for path in files_of(client, settings)}
    texts = {path: _text(path, content) for path, content in found.items() if content is not None}
    held = held_key(client, settings, texts, origin)
    is_held = held is not None and parse_credential(held) is not None
    models = tuple(model or ())
    aim = Aim(
        origin=origin,
        key=_PLACEHOLDER,
        model=models[0] if models else None,
        authority=None if authority is None else str(authority.resolve(strict=True)),
    )
    new_key = None
    if owner is not None and not is_held:
        new_key = _NewKey(
            home=home, acting=acting, client=client, owner=owner, models=models, purposes=tuple(purpose or ())
        )
        _check(new_key)
    # Shown with a placeholder where a key is yet to come: nobody makes or types one for a change they do not want.
    key = held if is_held and key_file is None else None
    if show:
        planned = write(client, settings, texts, _with_key(aim, key or _PLACEHOLDER))
        _tell(client, settings, _diff(texts, planned.files), planned.notes, None, json=json)
        return
    if key is None and new_key is None:
        key = _given_key(key_file)
    planned = write(client, settings, texts, _with_key(aim, key or _PLACEHOLDER))
    diff = _diff(texts, planned.files)
    if dict(planned.files) == texts and not any(_is_exposed(path) for path in texts):
        _tell(client, settings, "", planned.notes, None, json=json)
        return
    if _confirm(diff, is_agreed=yes, json=json):
        diff = ""
    if new_key is not None:
        planned = write(client, settings, texts, _with_key(aim, _make_key(new_key)))
    edits = [
        Edit(path=path, before=found[path], after=text.encode())
        for path, text in planned.files.items()
        if texts.get(path) != text or _is_exposed(path)
    ]
    record = keep_and_write(client.value, origin, settings, edits)
    _tell(client, settings, diff, planned.notes, record, json=json)


def _undo(client: ClientName, settings: Path, *, json: bool) -> None:
    kept = records_of(client.value, settings)
    if not kept:
        raise CommandFailed(
            "not_connected",
            what=f"There is no record that {settings} was written by this command.",
            why="Only what is on record can be put back as it was.",
            fix="Name the file with --file, as when it was connected; or mend it by hand.",
        )
    record = read_record(kept[-1])
    changed = differing(record)
    if changed:
        shown = "".join(
            _diff({each.path: _text(each.path, each.left or b"")}, {each.path: _text(each.path, each.found or b"")})
            for each in changed
        )
        raise CommandFailed(
            "changed_since",
            what=f"Changed since it was connected: {', '.join(str(each.path) for each in changed)}. Nothing was "
            f"changed now. What differs:\n{shown}",
            why="Putting the old file back would lose what was changed after.",
            fix="Take those lines back and run this again, or mend the settings by hand.",
        )
    paths = put_back(kept[-1], record)
    if json:
        print_json({"client": client.value, "undone": [str(path) for path in paths], "records_left": len(kept) - 1})
        return
    print_lines(*(f"{path} is as it was before." for path in paths))
    print_lines("The key still works: `wardkeep key revoke` ends it.")


def _address(home: Path) -> str:
    settings = load(home)
    if not settings.listen.data_port:
        raise CommandFailed(
            "address_unknown",
            what="The settings of this home leave the data port open.",
            fix="Give the address with --url.",
        )
    scheme = "https" if settings.is_tls_on else "http"
    return f"{scheme}://{settings.listen.hosts[0]}:{settings.listen.data_port}"


def _given_key(key_file: Path | None) -> str:
    """Return the key that somebody holds; it is never taken from the command line or the environment."""
    if key_file is not None and str(key_file) != _STANDARD_INPUT:
        given = key_file.read_text("utf-8").strip()
    elif sys.stdin.isatty() and key_file is None:
        given = getpass.getpass("Wardkeep key (not shown): ").strip()
    else:
        given = sys.stdin.readline(512).strip()
    parsed = parse_credential(given)
    if parsed is None or parsed[0] != "live":
        raise CommandFailed(
            "key_unusable",
            what="This is not a key of an application: it begins with wk_live_ and ends with its checksum.",
            why="A vendor's key, or a person's credential, does not belong into a client.",
            fix="Take one made with `wardkeep key create`, or make one here with --owner, --model and --purpose.",
        )
    return given


def _check(new_key: _NewKey) -> None:
    if not new_key.models or not new_key.purposes:
        raise CommandFailed(
            "options_missing",
            what="A key is made for models and purposes that are named.",
            why="A key that may do anything is not least privilege (45 CFR 164.312(a)(1)).",
            fix="Add --model and --purpose.",
        )


def _make_key(new_key: _NewKey) -> str:
    made = client_of(new_key.home, new_key.acting).post(
        "keys",
        name=f"{new_key.client.value} on this machine",
        owner=new_key.owner,
        models=list(new_key.models),
        purposes=list(new_key.purposes),
        default_purpose=new_key.purposes[0],
        workspace="default",
        reason=f"to connect {new_key.client.value}",
    )
    return str(made["credential"])


def _with_key(aim: Aim, key: str) -> Aim:
    return Aim(origin=aim.origin, key=key, model=aim.model, authority=aim.authority)


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandFailed(
            "settings_not_editable",
            what=f"{path} is not UTF-8 text and was left as it is.",
            fix="Save it as UTF-8, or name another file with --file.",
        ) from error


def _diff(before: Mapping[Path, str], after: Mapping[Path, str]) -> str:
    """Return the changed lines only, credentials hidden: what stands around them may be a secret unknown to us."""
    shown = []
    for path, text in after.items():
        old, new = without_secrets(before.get(path, "")), without_secrets(text)
        if path in before and old == new and before[path] != text:
            shown.append(f"--- {path}\n only values that are hidden here differ\n")
            continue
        lines = difflib.unified_diff(
            old.splitlines(),
            new.splitlines(),
            str(path) if path in before else "(no file)",
            str(path),
            n=0,
            lineterm="",
        )
        shown.extend(f"{line}\n" for line in lines)
    return "".join(shown)


def _is_exposed(path: Path) -> bool:
    """Whether somebody else can read or write a file: it is to hold a key."""
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _confirm(diff: str, *, is_agreed: bool, json: bool) -> bool:
    """Return whether the diff was shown to somebody, who agreed. Raises CommandFailed."""
    if is_agreed:
        return False
    if not json and sys.stdin.isatty():
        sys.stdout.write(diff)
        if typer.confirm("Write this?"):
            return True
    raise CommandFailed(
        "not_confirmed",
        what="Nothing was written.",
        why="Somebody agrees to the change after seeing it; --print shows it.",
        fix="Add --yes where nobody can be asked.",
    )


def _tell(
    client: ClientName, settings: Path, diff: str, notes: tuple[str, ...], record: Path | None, *, json: bool
) -> None:
    if json:
        print_json(
            {
                "client": client.value,
                "file": str(settings),
                "is_written": record is not None,
                "diff": diff,
                "notes": list(notes),
                "undo_record": None if record is None else str(record),
            }
        )
        return
    if diff:
        sys.stdout.write(diff)
    if record is not None:
        print_lines(f"{settings} points at the gateway. `wardkeep connect {client.value} --undo` takes it back.")
    elif not diff:
        print_lines("Nothing is to be changed.")
    print_lines(*notes)
