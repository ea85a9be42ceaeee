"""Writes an evidence pack into a directory, and has its manifest bound by a ledger entry."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from wardkeep.cli._client import Client
from wardkeep.cli._failure import CommandFailed
from wardkeep.compliance.pack_contents import pack_contents, pack_manifest


def write_pack(
    calling: Client, out: Path, *, first: str, last: str, controls: Sequence[str], reason: str, is_printed: bool
) -> dict[str, object]:
    """Write the pack into a new directory; return what was written and which entry binds it.

    Raises:
        CommandFailed: the directory is not empty, or the server refused.
        NotAllowed: the PDF compiler is not installed.
    """
    if out.exists() and any(out.iterdir()):
        raise CommandFailed(
            "already_exists",
            what=f"{out} is not empty.",
            why="A pack is what its manifest names and nothing else.",
            fix="Name a new directory.",
        )
    facts = calling.post_whole(
        "evidence", "pack", form={"first": first, "last": last, "controls": list(controls), "reason": reason}
    )
    contents = pack_contents(facts, is_printed=is_printed)
    manifest = pack_manifest(facts, contents)
    # The facts are on disk under a hash before the ledger is asked to bind it.
    for name, body in {**contents, "manifest.json": manifest}.items():
        file = out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    bound = calling.post("evidence", "pack", "bind", sha256=sha256(manifest).hexdigest())
    (out / "manifest.proof").write_text(bound["proof"], "utf-8")
    return {
        "out": str(out),
        "files": len(contents) + 2,
        "proofs": len(facts["proofs"]),
        "standing": facts["totals"]["standing"],
        "ledger_index": bound["ledger_index"],
    }
