"""`wardkeep policies`: the organisation's written policies (45 CFR 164.316). What keys may do is `wardkeep policy`."""

from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Policy = Annotated[str, typer.Argument(metavar="ID", help="The policy's id.")]
Hash = Annotated[str, typer.Option("--sha256", metavar="HASH", help="The hash of the text, as `show` prints it.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Written policies: versions, approval, acknowledgement, drift.")
    group.command("list")(list_policies)
    group.command("show")(show)
    group.command("propose")(propose)
    group.command("approve")(approve)
    group.command("sign")(sign)
    group.command("signatures")(signatures)
    group.command("drift")(drift)
    root.add_typer(group, name="policies")


def list_policies(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List the policies: which version is in force, and whether you signed it."""
    found = client(home, acting).get("policies")["policies"]
    if json:
        print_json(found)
        return
    rows = [
        (
            each["id"],
            each["title"],
            each["number"],
            each["review_on"],
            "past review" if each["is_past_review"] else "proposed" if each["proposed"] else None,
            None if not each["binds_me"] or each["number"] is None else each["signed_by_me"],
        )
        for each in found
    ]
    print_table(("id", "title", "in force", "review on", "open", "you signed"), rows, empty="There is none.")


def show(*, home: Home, policy: Policy, acting: As = None, json: Json = False) -> None:
    """Show a policy's text, and the hash to approve or sign it by."""
    told = client(home, acting).get("policies", policy)
    if json:
        print_json(told)
        return
    if told["proposed_text"] is not None:
        print_lines(f"PROPOSED by {told['proposed']['by']}, sha256 {told['proposed']['sha256']}", told["proposed_text"])
    if told["text"] is not None:
        print_lines(f"IN FORCE as version {told['number']}, sha256 {told['sha256']}", told["text"])
    if told["text"] is None and told["proposed_text"] is None:
        print_lines("NOT IN FORCE: the text that ships, to be proposed", told["package_text"])
    rows = [(name, each["value"], each["least"], each["most"], each["means"]) for name, each in _variables(told)]
    print_table(("variable", "in force", "least", "most", "means"), rows, empty="No variables.")


def propose(
    *,
    home: Home,
    policy: Policy,
    review: Annotated[str, typer.Option(metavar="DATE", help="Reviewed by this day; a year away at the most.")],
    reason: Reason,
    value: Annotated[
        list[str] | None, typer.Option("--value", metavar="NAME=NUMBER", help="A variable; repeat for several.")
    ] = None,
    own: Annotated[
        str | None, typer.Option("--own", metavar="HASH", help="A document of your own, by its sha256.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Propose a version; it is in force once another person approved it."""
    form: dict[str, object] = {
        "review_on": review,
        "variables": dict(_number(each) for each in value or ()),
        "own_sha256": own,
        "reason": reason,
    }
    done = client(home, acting).post_whole("policies", policy, "propose", form=form)
    report(done, f"A version of {policy} is proposed; another person approves it", json=json)


def approve(*, home: Home, policy: Policy, sha256: Hash, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Approve the proposed version; another person than the one who proposed it."""
    done = client(home, acting).post("policies", policy, "approve", sha256=sha256, reason=reason)
    report(done, f"Policy {policy} is in force", json=json)


def sign(*, home: Home, policy: Policy, sha256: Hash, acting: As = None, json: Json = False) -> None:
    """Acknowledge that you read the text in force and will follow it."""
    done = client(home, acting).post("policies", policy, "sign", sha256=sha256)
    report(done, f"You signed {policy}", json=json)


def signatures(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List who has not signed which policy in force."""
    told = client(home, acting).get("signatures")
    if json:
        print_json(told)
        return
    rows = [(policy, people or "everybody signed") for policy, people in told["missing"].items()]
    print_table(("policy", "not signed by"), rows, empty="No policy is in force.")


def drift(*, home: Home, acting: As = None, json: Json = False) -> None:
    """Hold what the policies in force promise against the effective settings."""
    told = client(home, acting).get("drift")["promises"]
    if json:
        print_json(told)
        return
    columns = ("policy", "setting", "promised", "effective", "standing")
    print_table(columns, [[each[name] for name in columns] for each in told], empty="No policy is in force.")
    wrong = sum(each["standing"] != "agrees" for each in told)
    print_lines(f"{wrong} of {len(told)} promises are not what is so.")


def _variables(told: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(told["variables"].items())


def _number(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise CommandFailed(
            "value_invalid",
            what="A variable is not given as NAME=NUMBER.",
            fix="`wardkeep policies show` lists the variables of a policy.",
        )
    return name, int(number)
