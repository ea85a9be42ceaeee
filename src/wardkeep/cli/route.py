"""`wardkeep route`: model names that clients use, the deployments behind them, and their vendors."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli import _attestation, _guard, _prices, _residency, _route_check, _terms
from wardkeep.cli._client import Client, client
from wardkeep.cli._credential_file import credential_in
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table

_SECTIONS = frozenset({"vendor", "deployment", "route"})


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Routes, deployments and vendors.")
    group.command("add")(add)
    group.command("list")(list_routes)
    group.command("remove")(remove)
    _terms.register(group)
    _residency.register(group)
    _prices.register(group)
    _guard.register(group)
    _attestation.register(group)
    _route_check.register(group)
    root.add_typer(group, name="route")


def add(
    *,
    home: Home,
    file: Annotated[
        Path | None, typer.Option("--file", help="[vendor], [deployment] and [route] tables as .toml or .json.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Without --file: the model name that clients use.")] = None,
    deployment: Annotated[str | None, typer.Option(help="Without --file: a deployment that is on record.")] = None,
    credential_file: Annotated[
        Path | None, typer.Option(help="A file with the vendor's key; sealed at once, never shown again.")
    ] = None,
    attestation: Annotated[
        str | None, typer.Option(help="With --file: the deployment must show evidence of this kind (nitro, snp, tdx).")
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="With --file: a TLS key it may show, `sha256/BASE64`; repeat for the next.")
    ] = None,
    acting: As = None,
    reason: Reason = "added",
    json: Json = False,
) -> None:
    """Record a vendor, a deployment and a route in one go; what is on record already is left as it is."""
    added: dict[str, Any] = {"route": {"model": model, "deployment": deployment}}
    tables = read_table(file) if file is not None else added
    asked: dict[str, Any] = {"attestation": attestation, "pins": pin}
    demands = {name: value for name, value in asked.items() if value}
    if demands:
        if not isinstance(tables.get("deployment"), dict):
            raise CommandFailed(
                "options_missing",
                what="--attestation and --pin are about a deployment, and none is being recorded.",
                fix="Give --file with a [deployment] table; pins of one on record change with `wardkeep route pin`.",
            )
        tables["deployment"] = {**tables["deployment"], **demands}
    if not tables.keys() <= _SECTIONS or not all(isinstance(table, dict) for table in tables.values()):
        raise CommandFailed(
            "file_unreadable",
            what=f"{file} has something else than the tables [vendor], [deployment] and [route].",
            fix="Keep those three tables, each with its own fields.",
        )
    if file is None and (model is None or deployment is None):
        raise CommandFailed(
            "options_missing",
            what="It is not said what to add.",
            fix="Give --file, or --model and --deployment for a deployment that is on record.",
        )
    api = client(home, acting)
    # Asked before anything changes: the server would refuse the route after the credential was replaced.
    wanted = tables.get("route", {}).get("model")
    if wanted is not None and any(each["model"] == wanted for each in api.get("routes")["routes"]):
        raise CommandFailed(
            "already_exists",
            what=f"Clients can already name {wanted}.",
            why="A route is not changed in passing; nothing was changed.",
            fix="Remove it first with `wardkeep route remove`, or leave [route] out to renew a vendor credential.",
        )
    done = [
        made
        for made in (
            _add_vendor(api, tables.get("vendor"), reason),
            _add_deployment(api, tables.get("deployment"), credential_file, reason),
            _add_route(api, tables.get("route"), reason),
        )
        if made is not None
    ]
    if json:
        print_json(done)
        return
    for made in done:
        print_lines(f"{made['what']} (ledger entry {made['ledger_index']}).")


def _add_vendor(api: Client, table: dict[str, Any] | None, reason: str) -> dict[str, Any] | None:
    if table is None or any(each["id"] == table.get("id") for each in api.get("vendors")["vendors"]):
        return None
    return {**api.post_form("vendors", {**table, "reason": reason}), "what": f"Vendor {table.get('id')} is on record"}


def _add_deployment(
    api: Client, table: dict[str, Any] | None, credential_file: Path | None, reason: str
) -> dict[str, Any] | None:
    if table is None:
        return None
    name = table.get("id")
    credential = None if credential_file is None else {"credential": credential_in(credential_file)}
    if any(each["id"] == name for each in api.get("deployments")["deployments"]):
        if credential is None:
            return None
        made = api.post("deployments", str(name), "credential", **credential, reason=reason)
        return {**made, "what": f"Deployment {name} has a new vendor credential"}
    if "credential" in table:
        raise CommandFailed(
            "credential_in_file",
            what="The file holds a vendor credential.",
            why="Files are copied into tickets and backups.",
            fix="Remove it there, and give it with --credential-file.",
        )
    made = api.post_form("deployments", {"region": None, **table, **(credential or {}), "reason": reason})
    return {**made, "what": f"Deployment {name} is on record"}


def _add_route(api: Client, table: dict[str, Any] | None, reason: str) -> dict[str, Any] | None:
    if table is None:
        return None
    return {**api.post_form("routes", {**table, "reason": reason}), "what": f"Clients may name {table.get('model')}"}


def list_routes(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List routes with their deployments and vendors."""
    api = client(home, acting)
    routes = api.get("routes")["routes"]
    deployments = {each["id"]: each for each in api.get("deployments")["deployments"]}
    vendors = {each["id"]: each for each in api.get("vendors")["vendors"]}
    if json:
        print_json({"routes": routes, "deployments": list(deployments.values()), "vendors": list(vendors.values())})
        return
    rows = []
    for each in routes:
        found = deployments.get(each["deployment"], {})
        vendor = vendors.get(found.get("vendor"), {})
        rows.append(
            (
                each["model"],
                each["deployment"],
                found.get("vendor"),
                found.get("model"),
                found.get("region"),
                found.get("base_url"),
                vendor.get("suspended_because"),
            )
        )
    print_table(
        ("model", "deployment", "vendor", "vendor's model", "region", "address", "vendor suspended"),
        rows,
        empty="There is no route. Add one with `wardkeep route add --file`.",
    )


def remove(
    *,
    home: Home,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model name that clients use.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take a model name away."""
    report(client(home, acting).post("routes", model, "remove", reason=reason), f"{model} is gone", json=json)
