"""`wardkeep escrow`: the root key in shares that several people keep, so that no one loss and no one person decides.

Offline, on the host, by whoever holds the root key. A share alone says nothing about the key.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines
from wardkeep.cli._shown_once import write_private
from wardkeep.crypto.keys import load_key_file, restore_key_file, share_of_root
from wardkeep.crypto.shamir import combine, dump_share, load_share, split
from wardkeep.model.roots import FilePlace
from wardkeep.settings import load


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The root key in shares that several people keep.")
    group.command("split")(split_root)
    group.command("combine")(combine_root)
    root.add_typer(group, name="escrow")


def split_root(
    *,
    home: Home,
    needed: Annotated[int, typer.Option(help="How many shares give the key back.")],
    shares: Annotated[int, typer.Option(help="How many shares are made.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new directory, one file a share.")],
    json: Json = False,
) -> None:
    """Split the root key file into shares; move each to its keeper and delete it here."""
    settings = load(home)
    place = settings.root_place
    if not isinstance(place, FilePlace):
        raise CommandFailed(
            "root_not_a_file",
            what="The root of this instance is not a key file.",
            why="Only a key file can be split; a passphrase is kept by whoever knows it, any other root by its holder.",
            fix="Put the passphrase itself into escrow, or use the key holder's own backup and quorum.",
        )
    root = load_key_file(settings.path(place.path))
    try:
        made = split(share_of_root(root), needed=needed, shares=shares, of=root.key_id, randomness=os.urandom)
    except ValueError as error:
        raise CommandFailed(
            "value_invalid",
            what=f"This cannot be split so: {error}.",
            why="One share alone must say nothing.",
            fix="Choose for example --needed 3 --shares 5.",
        ) from None
    out.mkdir(mode=0o700, parents=True)
    files = [out / f"share-{share.number}.txt" for share in made]
    for file, share in zip(files, made, strict=True):
        write_private(file, dump_share(share) + "\n")
    if json:
        print_json({"root_id": root.key_id, "needed": needed, "files": [str(file) for file in files]})
        return
    print_lines(f"{shares} shares of {root.key_id} are in {out}; {needed} give it back. Move each to its keeper.")


def combine_root(
    *,
    share: Annotated[list[Path], typer.Option("--share", metavar="FILE", help="A share; repeat for each.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the root key file is written.")],
    json: Json = False,
) -> None:
    """Bring the root key file back from enough shares; a wrong one is refused."""
    held = [load_share(file.read_text(encoding="ascii")) for file in share]
    root = restore_key_file(combine(held), out, expected=held[0].of)
    if json:
        print_json({"root_id": root.key_id, "file": str(out)})
    else:
        print_lines(f"{out} holds the root {root.key_id}.")
