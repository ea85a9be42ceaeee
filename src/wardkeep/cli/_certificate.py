"""The commands `certificate add|list|revoke` of the groups whose members may show client certificates."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._shown_once import write_private
from wardkeep.model.certificate import HolderKind

Csr = Annotated[Path | None, typer.Option("--csr", help="A signing request (PEM): its key never leaves its owner.")]
Finished = Annotated[
    Path | None, typer.Option("--certificate", help="A certificate (PEM) of the authority that the settings name.")
]
Days = Annotated[int, typer.Option("--days", help="How long it lasts, 1 to 397.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write certificate and key to this file (0600), not the screen.")
]


def register_certificates(group: typer.Typer, kind: HolderKind) -> None:
    """Add `certificate` with its three commands to the group of this kind of holder."""
    commands = typer.Typer(no_args_is_help=True, help="Client certificates, bound by their keys.")
    commands.command("add")(_adder(kind))
    commands.command("list")(_lister(kind))
    commands.command("revoke")(_revoke)
    group.add_typer(commands, name="certificate")


def _adder(kind: HolderKind) -> Any:
    def add(
        *,
        home: Home,
        holder: Annotated[str, typer.Argument(metavar="ID", help=f"Whose: the id of the {kind.value}.")],
        csr: Csr = None,
        certificate: Finished = None,
        days: Days = 90,
        out: Out = None,
        acting: As = None,
        reason: Reason = "recorded",
        json: Json = False,
    ) -> None:
        """Bind a client certificate: for a new key, shown once, for a signing request, or one of your own authority."""
        form: dict[str, object] = {
            "kind": kind.value,
            "holder": holder,
            "days": days,
            "csr": _text(csr),
            "certificate": _text(certificate),
            "reason": reason,
        }
        _hand_over(client(home, acting).post_form("certificates", form), out, json=json)

    return add


def _lister(kind: HolderKind) -> Any:
    def list_certificates(*, home: Home, acting: As = None, json: Json = False) -> None:
        """List client certificates: whose they are, until when, and which were revoked."""
        found = client(home, acting).get("certificates")["certificates"]
        theirs = [each for each in found if each["holder"].startswith(f"{kind.value}:")]
        if json:
            print_json(theirs)
            return
        columns = ("id", "holder", "state", "not_after", "made_by", "is_ours")
        print_table(columns, [[each[name] for name in columns] for each in theirs], empty="There is no certificate.")

    return list_certificates


def _revoke(
    *,
    home: Home,
    certificate: Annotated[str, typer.Argument(metavar="ID", help="The certificate's id, as listed.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Refuse a client certificate from the next call on, for good."""
    done = client(home, acting).post("certificates", certificate, "revoke", reason=reason)
    report(done, "The certificate is revoked", json=json)


def _hand_over(made: dict[str, Any], out: Path | None, *, json: bool) -> None:
    """Print what was made; with `out` certificate and key go there and are not printed."""
    shown = dict(made)
    parts = [str(made[name]) for name in ("certificate", "private_key") if made.get(name)]
    if out is not None and parts:
        write_private(out, "".join(parts))
        shown["certificate_file"] = str(out)
        shown.pop("private_key", None)
        shown.pop("certificate", None)
    if json:
        print_json(shown)
        return
    print_lines(f"Certificate {made['id']} is bound until {made['not_after']} (ledger entry {made['ledger_index']}).")
    if out is not None and parts:
        print_lines(f"It is in {out}; move it to its owner and delete it here.")
    elif parts:
        print_lines("A private key is shown once and kept nowhere; give it to its owner over a safe channel:", *parts)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            "file_unreadable",
            what=f"{path} cannot be read as PEM text.",
            fix="Name a file in PEM: it begins with -----BEGIN.",
        ) from error
