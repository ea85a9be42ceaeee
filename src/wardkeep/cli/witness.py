"""`wardkeep witness`: remember other people's logs, so that they cannot be cut or rewritten unseen (C2SP tlog-witness).

Run it on a machine that the log's operator does not administer. Its home holds nothing but its own
state: no ledger, no keys of the logs it watches.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from wardkeep.app.witness import WitnessPlace, serve_witness
from wardkeep.audit.checkpoint import verifier_key_text
from wardkeep.audit.errors import NoteInvalid
from wardkeep.audit.witness import add_log, make_witness, open_witness
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines, print_table
from wardkeep.settings import clock, is_loopback
from wardkeep.transport.tls import TlsFiles


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Witness other instances' ledgers, independently of them.")
    group.command("init")(init)
    group.command("log")(log)
    group.command("serve")(serve)
    group.command("list")(list_logs)
    group.command("accept")(accept)
    root.add_typer(group, name="witness")


def init(
    *,
    home: Home,
    name: Annotated[str, typer.Option(help="The witness's name in notes, best its host name.")],
    json: Json = False,
) -> None:
    """Make a witness's key; the line it prints goes into the policies of the logs it will watch."""
    text = make_witness(home, name)
    if json:
        print_json({"key": text})
    else:
        print_lines(text)


def log(
    *,
    home: Home,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The log's published key, its ledger.pub.")],
    json: Json = False,
) -> None:
    """Let the witness know one more log; a witness that is running takes it up at its next start."""
    try:
        added = add_log(home, key.read_text("utf-8"))
    except (NoteInvalid, UnicodeDecodeError) as error:
        raise CommandFailed(
            "key_unusable",
            what=f"{key} holds no log's key.",
            why="A witness cosigns only for keys it was given.",
            fix="Name the `ledger.pub` of the instance to be watched.",
        ) from error
    if json:
        print_json({"log": added.name, "key": verifier_key_text(added)})
    else:
        print_lines(f"{added.name} is watched.")


def serve(
    *,
    home: Home,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8790,
    name: Annotated[list[str] | None, typer.Option("--host-name", help="A name callers use for it.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="TLS certificate; needed on every address but loopback.")
    ] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="The certificate's key.")] = None,
    silent_after: Annotated[
        int, typer.Option(min=0, help="Seconds of a log's silence that are an alarm; 0: none.")
    ] = 60,
    json: Json = False,
) -> None:
    """Serve until SIGTERM or SIGINT; the log goes to standard error, one JSON object a line."""
    tls = None
    if certificate is not None and certificate_key is not None:
        tls = TlsFiles(certificate=certificate, key=certificate_key)
    if tls is None and not is_loopback(host):
        raise CommandFailed(
            "tls_required",
            what=f"A witness on {host} needs a certificate.",
            why="Whoever stands between could keep heads from it, and show it others.",
            fix="Give --certificate and --certificate-key, or listen on 127.0.0.1 behind a TLS proxy.",
        )
    place = WitnessPlace(
        state=home,
        host=host,
        port=port,
        names=(*(name or ()), host, "localhost"),
        silent_seconds=silent_after,
        tls=tls,
    )
    serve_witness(place, clock=clock, on_ready=lambda address: _say(address, json=json))


def list_logs(*, home: Home, json: Json = False) -> None:
    """Show the newest head of each log that was cosigned; the witness must not be running."""
    witness = open_witness(home, lambda: clock().wall_us // 1_000_000)
    try:
        rows = [
            {"log": origin, "size": seen.checkpoint.size, "root": seen.checkpoint.root.hex(), "at_unix": seen.at_unix}
            for origin, seen in sorted(witness.seen.items())
        ]
    finally:
        witness.close()
    if json:
        print_json(rows)
    else:
        print_table(("log", "size", "root", "at"), [tuple(row.values()) for row in rows], empty="Nothing seen yet.")


def accept(
    *,
    home: Home,
    checkpoint: Annotated[Path, typer.Option(help="The note that the restored log's people hand over.")],
    json: Json = False,
) -> None:
    """Go on from a head that does not continue the one seen; for a restored log, on your own judgement as witness.

    The head seen before is kept as evidence. The witness must not be running.
    """
    witness = open_witness(home, lambda: clock().wall_us // 1_000_000)
    try:
        stated = witness.accept(checkpoint.read_bytes())
    finally:
        witness.close()
    if json:
        print_json({**asdict(stated), "root": stated.root.hex()})
    else:
        print_lines(f"{stated.origin} goes on from {stated.size} entries; the head seen before is in evidence/.")


def _say(address: str, *, json: bool) -> None:
    if json:
        print_json({"address": address})
    else:
        print_lines(f"The witness listens on {address}.")
    sys.stdout.flush()
