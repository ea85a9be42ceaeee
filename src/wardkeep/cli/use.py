"""`wardkeep use`: the register of uses of AI."""

from typing import Annotated

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.access import Purpose
from wardkeep.model.registers import HumanReview

Use = Annotated[str, typer.Argument(metavar="ID", help="The use's id.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Uses of AI: owner, purpose, human review, patients.")
    group.command("list")(list_uses)
    group.command("propose")(propose)
    group.command("approve")(approve)
    group.command("end")(end)
    root.add_typer(group, name="use")


def list_uses(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the uses, and the routes that none of them names."""
    told = client(home, acting).get("uses")
    if json:
        print_json(told)
        return
    columns = (
        "id", "owner", "routes", "purposes", "human_review", "is_patient_facing", "tells_patients", "proposed_by",
        "approved_by", "review_on", "holds",
    )  # fmt: skip
    print_table(columns, [[each[name] for name in columns] for each in told["uses"]], empty="The register is empty.")
    print_lines(*(f"NOT IN THE REGISTER: route {each}" for each in told["routes_outside"]))


def propose(
    *,
    home: Home,
    use: Use,
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    route: Annotated[list[str], typer.Option("--route", help="A route it uses; repeat for several.")],
    purpose: Annotated[list[Purpose], typer.Option("--purpose", help="A purpose; repeat for several.")],
    human_review: Annotated[HumanReview, typer.Option(help="Who reads the answers.")],
    review: Annotated[str, typer.Option(metavar="DATE", help="Looked at again by this day.")],
    reason: Reason,
    patients: Annotated[bool, typer.Option("--patients", help="Patients meet the answers.")] = False,
    tells_patients: Annotated[
        bool, typer.Option("--tells-patients", help="With a notice, and a person to reach.")
    ] = False,
    model_card: Annotated[str | None, typer.Option(metavar="HASH", help="The model card, by its sha256.")] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Propose a use; the reason is what it is for."""
    form: dict[str, object] = {
        "id": use, "owner": owner, "routes": route, "purposes": [each.value for each in purpose],
        "human_review": human_review.value, "is_patient_facing": patients, "tells_patients": tells_patients,
        "model_card_sha256": model_card, "review_on": review, "reason": reason,
    }  # fmt: skip
    done = client(home, acting).post_whole("uses", form=form)
    report(done, f"Use {use} is proposed; another person approves it", json=json)


def approve(*, home: Home, use: Use, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Approve a use; another person than the one who proposed it."""
    report(client(home, acting).post("uses", use, "approve", reason=reason), f"Use {use} is approved", json=json)


def end(*, home: Home, use: Use, reason: Reason, acting: As = None, json: Json = False) -> None:
    """End a use; its routes are outside the register from now on."""
    report(client(home, acting).post("uses", use, "end", reason=reason), f"Use {use} has ended", json=json)
