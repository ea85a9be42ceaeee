"""`wardkeep release`: data sets that leave, on what basis, and who reviewed and signed (45 CFR 164.514(b)-(e)).

A draft comes from `wardkeep deid file` with its detection report. One person prepares its release, another signs.
"""

import hashlib
import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report
from wardkeep.model.release import DataUse, ReleaseBasis
from wardkeep.storage.files import write_whole

Id = Annotated[str, typer.Argument(metavar="ID", help="The record's id.")]
Document = Annotated[Path, typer.Option("--document", help="The signed document; its SHA-256 is recorded.")]
From = Annotated[str, typer.Option("--from", metavar="DAY", help="The first day on which it holds, YYYY-MM-DD.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Data sets that leave: basis, review, sign-off.")
    group.command("list")(list_releases)
    group.command("determination")(determination)
    group.command("data-use")(data_use)
    group.command("prepare")(prepare)
    group.command("sign")(sign)
    group.command("export")(export)
    group.command("withdraw")(withdraw)
    root.add_typer(group, name="release")


def list_releases(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List releases, Expert Determinations and data use agreements, and what holds today."""
    held = client(home, acting).get("releases")
    if json:
        print_json(held)
        return
    rows = [
        (each["id"], each["basis"], each["is_released"], each["prepared_by"], each["signed_by"], each["dataset_sha256"])
        for each in held["releases"]
    ]
    columns = ("release", "basis", "may leave", "prepared by", "signed by", "SHA-256 of the data set")
    print_table(columns, rows, empty="There is no release.")
    others = [
        (each["id"], kind, each["holds"], each["effective_on"], each["expires_on"])
        for kind in ("determinations", "data_uses")
        for each in held[kind]
    ]
    print_table(("basis", "kind", "holds today", "from", "until"), others, empty="There is no basis on record.")


def determination(
    *,
    home: Home,
    identifier: Id,
    expert: Annotated[str, typer.Option(help="Who determined, with their qualification.")],
    document: Document,
    first: From,
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="The last day on which it holds.")],
    shifted_dates: Annotated[bool, typer.Option("--shifted-dates", help="It covers dates that were shifted.")] = False,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record an Expert Determination (45 CFR 164.514(b)(1)) and the days between which it holds."""
    done = client(home, acting).post(
        "determinations",
        id=identifier,
        expert=expert,
        document_sha256=_sha256(document),
        effective_on=first,
        expires_on=until,
        allows_shifted_dates=shifted_dates,
        reason=reason,
    )
    report(done, f"The determination {identifier} is on record", json=json)


def data_use(
    *,
    home: Home,
    identifier: Id,
    recipient: Annotated[str, typer.Option(help="Who receives limited data sets under it.")],
    use: Annotated[DataUse, typer.Option(help="What it permits.")],
    document: Document,
    first: From,
    until: Annotated[str | None, typer.Option("--until", metavar="DAY", help="The last day on which it holds.")] = None,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record a data use agreement for limited data sets (45 CFR 164.514(e)(4))."""
    form: dict[str, object] = {
        "id": identifier,
        "recipient": recipient,
        "use": use.value,
        "document_sha256": _sha256(document),
        "effective_on": first,
        "expires_on": until,
        "reason": reason,
    }
    report(client(home, acting).post_form("datauses", form), f"The agreement {identifier} is on record", json=json)


def prepare(
    *,
    home: Home,
    identifier: Id,
    basis: Annotated[ReleaseBasis, typer.Option(help="Why it may leave.")],
    dataset: Annotated[Path, typer.Option("--dataset", help="The file that is to leave; its SHA-256 is recorded.")],
    detection_report: Annotated[Path, typer.Option("--report", help="Its detection report, from deid file.")],
    recipient: Annotated[str, typer.Option(help="Who receives it.")],
    determined: Annotated[str | None, typer.Option("--determination", metavar="ID")] = None,
    under: Annotated[str | None, typer.Option("--data-use", metavar="ID")] = None,
    permission: Annotated[
        Path | None,
        typer.Option("--permission", help="As a business associate: the contract that permits it."),
    ] = None,
    is_associate: Annotated[
        bool, typer.Option("--as-associate", help="The organisation is a business associate for this data.")
    ] = False,
    acting: As = None,
    reason: Reason = "prepared",
    json: Json = False,
) -> None:
    """Record a data set that is to leave, bound to its bytes and its detection report."""
    told = _read_report(detection_report, dataset, basis)
    done = client(home, acting).post(
        "releases",
        id=identifier,
        basis=basis.value,
        policy=told["policy"]["name"],
        dataset_sha256=told["output_sha256"],
        report_sha256=_sha256(detection_report),
        recipient=recipient,
        shifts_dates=told["policy"]["actions"]["DATE"] == "shift",
        is_associate=is_associate or permission is not None,
        permission_sha256=None if permission is None else _sha256(permission),
        determination=determined,
        data_use=under,
        reason=reason,
    )
    report(done, f"The release {identifier} awaits a reviewer's signature", json=json)


def sign(
    *,
    home: Home,
    identifier: Id,
    reason: Reason,
    no_actual_knowledge: Annotated[
        bool,
        typer.Option(
            "--no-actual-knowledge",
            help="I have no actual knowledge that what is left could identify an individual, alone or combined.",
        ),
    ] = False,
    acting: As = None,
    json: Json = False,
) -> None:
    """Sign a release that you reviewed and somebody else prepared: from now on it may leave."""
    done = client(home, acting).post(
        "releases", identifier, "sign", reason=reason, no_actual_knowledge=no_actual_knowledge
    )
    report(done, f"The release {identifier} is signed", json=json)


def export(
    *,
    home: Home,
    identifier: Id,
    dataset: Annotated[Path, typer.Option("--dataset", help="The file that was prepared and signed.")],
    out: Annotated[Path, typer.Option("--out", help="A new directory for the data set and its certificate.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take a signed data set out to train a model, with its certificate; a basis that has ended is refused."""
    if out.exists():
        raise CommandFailed(
            "place_taken",
            what=f"{out} is there already.",
            why="What was exported before is not written over.",
            fix="Name a directory that does not exist.",
        )
    raw = dataset.read_bytes()
    done = client(home, acting).post(
        "releases", identifier, "export", dataset_sha256=hashlib.sha256(raw).hexdigest(), reason=reason
    )
    out.mkdir(mode=0o700, parents=True)
    write_whole(out / dataset.name, raw)
    write_whole(out / "CERTIFICATE.md", done["certificate"].encode())
    report(done, f"The data set of {identifier} and its certificate are in {out}", json=json)


def withdraw(*, home: Home, identifier: Id, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Withdraw a release: from now on the record says that it must not be used."""
    done = client(home, acting).post("releases", identifier, "withdraw", reason=reason)
    report(done, f"The release {identifier} is withdrawn", json=json)


def _read_report(path: Path, dataset: Path, basis: ReleaseBasis) -> dict[str, Any]:
    """Return the report when it is of this data set and fits the basis. Raises CommandFailed."""
    try:
        told: dict[str, Any] = json_module.loads(path.read_text(encoding="utf-8"))
        mode, digest = told["policy"]["mode"], told["output_sha256"]
        told["policy"]["actions"]["DATE"], told["policy"]["name"]
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(
            "report_unreadable", what=f"{path} is no detection report.", fix="Give the file that deid file wrote."
        ) from None
    if digest != _sha256(dataset):
        raise CommandFailed(
            "report_of_another",
            what=f"{path} is not the report of {dataset}.",
            why="A release is bound to the bytes that were examined.",
            fix="Treat the file again; a data set that was edited afterwards was not examined.",
        )
    wanted = "limited" if basis is ReleaseBasis.LIMITED_DATA_SET else "released"
    if mode != wanted:
        raise CommandFailed(
            "policy_of_another_mode",
            what=f"The data set was treated under a policy of the mode {mode}.",
            why=f"This basis needs one of the mode {wanted}.",
            fix="Treat it under the policy that fits; `wardkeep deid policies` shows them.",
        )
    return told


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
