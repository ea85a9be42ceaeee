"""`wardkeep route attestation`, `route pin` and `route show`: which keys and measurements a deployment must show."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.cli._tables import read_table

Name = Annotated[str, typer.Argument(metavar="ID", help="The allow-list's id.")]

PROVEN = (
    (
        "Proven before PHI is sent: a chain to the recorded root, valid now; a measurement of the allow-list; no "
        "debugging; the version floor; our nonce; the TLS key that the call then goes to."
    ),
    (
        "Not proven: what a GPU does (the evidence covers the CPU only); what the measured program does with what it "
        "is sent; that no certificate was revoked by AMD or AWS, whose lists are not fetched; that nobody broke the "
        "processor."
    ),
    "It never takes the place of an agreement.",
)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Allow-lists of attested deployments.")
    group.command("list")(list_rules)
    group.command("add")(add)
    group.command("activate")(activate)
    group.command("withdraw")(withdraw)
    parent.add_typer(group, name="attestation")
    parent.command("pin")(pin)
    parent.command("show")(show)


def list_rules(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List allow-lists, what they ask for and where they stand."""
    found = client(home, acting).get("attestations")["attestations"]
    if json:
        print_json(found)
        return
    columns = ("id", "deployment", "kind", "covers", "anchors", "added_by", "activated_by", "withdrawn_by", "holds")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is no allow-list.")


def add(
    *,
    home: Home,
    rule: Name,
    deployment: Annotated[str, typer.Option(help="The deployment whose evidence it is for.")],
    kind: Annotated[str, typer.Option(help="nitro, snp or tdx, as the deployment is recorded.")],
    anchor: Annotated[list[Path], typer.Option(help="A root certificate (PEM) of the vendor; repeat for several.")],
    allow: Annotated[
        Path,
        typer.Option(help="A .toml or .json with [[measurement]] tables, [tcb_floor], and allows_milan if need be."),
    ],
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record an allow-list; a second person activates it."""
    table = read_table(allow)
    if not table.keys() <= {"measurement", "tcb_floor", "allows_milan"}:
        raise CommandFailed(
            "file_invalid",
            what=f"{allow} has a table that is not known.",
            fix="It holds [[measurement]] tables, [tcb_floor] and allows_milan (docs/attestation.md).",
        )
    form: dict[str, Any] = {
        "id": rule,
        "deployment": deployment,
        "kind": kind,
        "anchors": "\n".join(_read(each) for each in anchor),
        "measurements": table.get("measurement", []),
        "tcb_floor": table.get("tcb_floor", {}),
        "allows_milan": table.get("allows_milan", False),
        "reason": reason,
    }
    done = client(home, acting).post_form("attestations", form)
    report(done, f"Allow-list {rule} is recorded and opens nothing before a second person activates it", json=json)


def activate(*, home: Home, rule: Name, acting: As = None, reason: Reason = "activated", json: Json = False) -> None:
    """Let an allow-list hold; another person than the one who recorded it."""
    done = client(home, acting).post("attestations", rule, "activate", reason=reason)
    report(done, f"Allow-list {rule} holds from the next call on", json=json)


def withdraw(*, home: Home, rule: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Take an allow-list back: what it held open closes from the next call on."""
    done = client(home, acting).post("attestations", rule, "withdraw", reason=reason)
    report(done, f"Allow-list {rule} is withdrawn", json=json)


def pin(
    *,
    home: Home,
    deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The deployment's id.")],
    key: Annotated[
        list[str] | None,
        typer.Option("--pin", help="A key it may show, `sha256/BASE64`; repeat for the next key. None: no pinning."),
    ] = None,
    acting: As = None,
    reason: Reason = "pinned",
    json: Json = False,
) -> None:
    """Put the TLS keys that a deployment may show anew; two while its key is being changed."""
    done = client(home, acting).post("deployments", deployment, "pins", pins=key or [], reason=reason)
    report(done, f"{deployment} may show {len(key or [])} keys" if key else f"{deployment} is not pinned", json=json)


def show(
    *,
    home: Home,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model name that clients use.")],
    acting: As = None,
    json: Json = False,
) -> None:
    """Show a route, its deployments, and what is proven of them before a call."""
    api = client(home, acting)
    route = next((each for each in api.get("routes")["routes"] if each["model"] == model), None)
    if route is None:
        raise CommandFailed(
            "not_found", what=f"There is no route {model}.", fix="`wardkeep route list` shows what there is."
        )
    names = (route["deployment"], *route["fallbacks"])
    deployments = [each for each in api.get("deployments")["deployments"] if each["id"] in names]
    rules = [each for each in api.get("attestations")["attestations"] if each["deployment"] in names]
    checks = [each for each in api.get("checks")["checks"] if each["deployment"] in names]
    if json:
        print_json(
            {"route": route, "deployments": deployments, "attestations": rules, "checks": checks, "proven": PROVEN}
        )
        return
    print_lines(f"{model}: {', '.join(names)}")
    for each in deployments:
        held = [rule for rule in rules if rule["deployment"] == each["id"] and rule["holds"]]
        print_lines(f"{each['id']}: {each['base_url']}, region {each['region']}, {_standing(each, held)}")
        print_lines(*(f"  pinned {key}" for key in each["pins"]))
        print_lines(f"  {_told(next((told for told in checks if told['deployment'] == each['id']), None))}")
        for rule in held:
            print_lines(f"  {rule['id']}: {rule['kind']}, {rule['covers']}; roots {', '.join(rule['anchors'])}")
            print_lines(*(f"    allows {entry['sha256']}" for entry in rule["measurements"]))
    if any(each["attestation"] for each in deployments):
        print_lines(*PROVEN)


def _standing(deployment: dict[str, Any], held: list[dict[str, Any]]) -> str:
    """Return in words what evidence the deployment must show."""
    if deployment["attestation"] is None:
        return "not attested: what runs there is the vendor's word"
    return f"{deployment['attestation']} evidence required" + ("" if held else ", and no allow-list holds: closed")


def _told(check: dict[str, Any] | None) -> str:
    """Return in words what the vendor told of a deployment when it was last asked."""
    if check is None:
        return "never checked: what the vendor tells is not known (`wardkeep route check`)"
    told = "; ".join(f"{each['aspect']} {each['told']} ({each['verdict']})" for each in check["findings"]) or "nothing"
    closed = "CLOSED until an officer confirms; " if check["closed"] else ""
    return f"{closed}vendor-reported {check['at']}: {check['verdict']}: {told}"


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            "file_unreadable", what=f"{path} cannot be read as PEM.", fix="Name the vendor's root certificate."
        ) from error
