"""`wardkeep asset`: facilities, systems, devices and media (45 CFR 164.310)."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.registers import AssetEvent, AssetKind

Asset = Annotated[str, typer.Argument(metavar="ID", help="The asset's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Facilities, systems, devices and media, with attestations.")
    group.command("list")(list_assets)
    group.command("map")(network_map)
    group.command("add")(add)
    group.command("attest")(attest)
    group.command("event")(event)
    group.command("dispose")(dispose)
    root.add_typer(group, name="asset")


def list_assets(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the register, and whose attestation counts until when."""
    found = client(home, acting).get("assets")["assets"]
    if json:
        print_json(found)
        return
    columns = (
        "id", "kind", "place", "owner", "holds_phi", "is_encrypted", "is_in_use", "attested_by", "attested_until",
        "is_attested",
    )  # fmt: skip
    print_table(columns, [[each[name] for name in columns] for each in found], empty="The register is empty.")


def network_map(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Show where data goes, from the live configuration."""
    found = client(home, acting).get("assets", "map")["edges"]
    if json:
        print_json(found)
        return
    columns = ("from", "to", "deployment", "host", "region", "is_tls", "routes")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="Nothing leaves.")


def add(
    *,
    home: Home,
    asset: Asset,
    kind: Annotated[AssetKind, typer.Option(help="What it is.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Reason,
    place: Annotated[str | None, typer.Option(help="The facility it is in.")] = None,
    phi: Annotated[bool, typer.Option("--phi/--no-phi", help="Whether it keeps PHI.")] = True,
    encrypted: Annotated[bool, typer.Option("--encrypted/--not-encrypted", help="Whether it is encrypted.")] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Put something into the register."""
    form: dict[str, object] = {
        "id": asset, "kind": kind.value, "owner": owner, "holds_phi": phi, "is_encrypted": encrypted,
        "place": place, "reason": reason,
    }  # fmt: skip
    report(client(home, acting).post_whole("assets", form=form), f"Asset {asset} is in the register", json=json)


def attest(
    *,
    home: Home,
    asset: Asset,
    until: Annotated[str, typer.Option(metavar="DATE", help="Counts through this day; a year away at the most.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Say that its safeguards were looked at and stand; the reason says what was looked at."""
    done = client(home, acting).post("assets", asset, "attest", until=until, reason=reason)
    report(done, f"Asset {asset} is attested", json=json)


def event(
    *,
    home: Home,
    asset: Asset,
    what: Annotated[AssetEvent, typer.Option(help="What happened.")],
    on: Annotated[str, typer.Option(metavar="DATE", help="When.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Record maintenance, visitors, a movement or a wipe; the words are the reason."""
    done = client(home, acting).post("assets", asset, "event", what=what.value, on=on, reason=reason)
    report(done, f"Asset {asset}: {what.value} is on record", json=json)


def dispose(
    *,
    home: Home,
    asset: Asset,
    reason: Reason,
    certificate: Annotated[
        str | None, typer.Option(metavar="HASH", help="The certificate of disposal, by its sha256.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take something out of use; what kept PHI names its certificate."""
    done = client(home, acting).post("assets", asset, "dispose", certificate_sha256=certificate, reason=reason)
    report(done, f"Asset {asset} is disposed of", json=json)
