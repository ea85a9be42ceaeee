"""`wardkeep route guard`: what happens when a prompt or an answer shows signs of an attack."""

import sys
from typing import Annotated, Final

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report
from wardkeep.model.guard import Origin
from wardkeep.privacy.installed import installed_screen
from wardkeep.privacy.prompt.rules import MEANING, Signal

_MOST_BYTES: Final = 4 * 1024 * 1024


def register(parent: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Prompt security of routes and workspaces.")
    group.command("list")(list_guards)
    group.command("set")(set_guard)
    group.command("approve")(approve)
    group.command("check")(check)
    parent.add_typer(group, name="guard")


def list_guards(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List what is done on signals, by route and workspace, and which held requests are approved."""
    found = client(home, acting).get("guards")
    if json:
        print_json(found)
        return
    watches = list(found["default"])
    rows = [("(every other)", *(found["default"][name] for name in watches), None, None)]
    for each in found["guards"]:
        proposed = each["proposed"]
        told = None if proposed is None else " ".join(f"{name}={proposed[name]}" for name in watches)
        rows.append((each["id"], *(each[name] for name in watches), told, each["proposed_by"]))
    print_table(("of", *watches, "proposed", "proposed by"), rows, empty="")
    for each in found["approvals"]:
        print_lines(f"Entry {each['entry']} is approved by {each['approved_by']}.")


def set_guard(
    *,
    home: Home,
    route: Annotated[str | None, typer.Option("--route", help="The route's model name.")] = None,
    workspace: Annotated[str | None, typer.Option("--workspace", help="The workspace.")] = None,
    injection: Annotated[
        str, typer.Option("--injection", help="On injected instructions: off, flag, mask, approve or block.")
    ] = "flag",
    links: Annotated[
        str, typer.Option("--links", help="On answers' links with identifiers in them: off, flag, mask or block.")
    ] = "block",
    payloads: Annotated[
        str, typer.Option("--payloads", help="On links that could carry data: off, flag, mask or block.")
    ] = "flag",
    leak: Annotated[
        str, typer.Option("--leak", help="On the system prompt in an answer: off, flag or block.")
    ] = "flag",
    reveals: Annotated[
        str, typer.Option("--reveals", help="On identifiers that the request did not have: off, flag, mask or block.")
    ] = "off",
    marked: Annotated[bool, typer.Option("--marked", help="Plant a mark in the system prompt.")] = False,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="A host that links may tell anything; may be given again.")
    ] = None,
    acting: As = None,
    reason: Reason = "set",
    json: Json = False,
) -> None:
    """Say what is done on signals; weaker terms than hold now take two people, each saying the same."""
    form: dict[str, object] = {
        "route": route,
        "workspace": workspace,
        "injection": injection,
        "links": links,
        "payloads": payloads,
        "leak": leak,
        "reveals": reveals,
        "marked": marked,
        "hosts": host or [],
        "reason": reason,
    }
    done = client(home, acting).post_form("guards", form)
    told = "is proposed; it holds when a second officer says the same" if done["is_proposed"] else "holds"
    report(done, f"The guard of {done['id']} {told}", json=json)


def approve(
    *,
    home: Home,
    index: Annotated[int, typer.Argument(metavar="INDEX", help="The refusal's ledger index.")],
    reason: Reason,
    hours: Annotated[int, typer.Option(help="For how many hours the request may be sent.")] = 24,
    acting: As = None,
    json: Json = False,
) -> None:
    """Let one held request be sent as it was by the same key, after reading it with `wardkeep audit show`."""
    done = client(home, acting).post("guards", "held", str(index), "approve", hours=hours, reason=reason)
    report(done, f"The request of entry {index} may be sent for {hours} hours", json=json)


def check(
    *,
    home: Home,  # noqa: ARG001 - every command takes it
    origin: Annotated[str, typer.Option(help="Whose text it is: user, tool or document.")] = "user",
    json: Json = False,
) -> None:
    """Read a text from standard input and say which signals of an injected instruction it has, offline."""
    if origin not in {Origin.USER, Origin.TOOL, Origin.DOCUMENT}:
        raise CommandFailed(
            "origin_unknown",
            what="Text is checked as the user's, a tool's or a document's.",
            fix="Give --origin user, --origin tool or --origin document.",
        )
    text = sys.stdin.buffer.read(_MOST_BYTES).decode("utf-8", "replace")
    found = installed_screen().assess([(0, Origin(origin), text)])
    if json:
        told = {name: MEANING[Signal(name)] for name in found.signals}
        print_json({"signals": list(found.signals), "score": found.score, "meaning": told})
        return
    if not found.signals:
        print_lines("No signal. That is no proof that the text is harmless.")
    print_lines(*(f"{name}: {MEANING[Signal(name)]}" for name in found.signals))
