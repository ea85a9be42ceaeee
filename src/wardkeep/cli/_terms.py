"""`wardkeep route terms`: what platforms' terms reach, and which version of each profile is in force."""

from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_lines, print_table, report

Platform = Annotated[str, typer.Argument(metavar="PLATFORM", help="The platform, as `list` names it.")]
Version = Annotated[int, typer.Option("--version", help="The version of the profile.")]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Terms profiles of platforms.")
    group.command("list")(list_terms)
    group.command("show")(show)
    group.command("propose")(propose)
    group.command("adopt")(adopt)
    parent.add_typer(group, name="terms")


def list_terms(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List platforms, the version in force, and what another version would open and close."""
    found = client(home, acting).get("terms")["terms"]
    if json:
        print_json(found)
        return
    rows = [
        (each["platform"], each["version"], each["newest"], each["written"], each["proposed"], each["proposed_by"])
        for each in found
    ]
    print_table(
        ("platform", "in force", "newest", "written", "proposed", "proposed by"), rows, empty="There is no profile."
    )
    for each in found:
        for number, moved in each["versions"].items():
            print_lines(f"{each['platform']} version {number} instead of {each['version']}:")
            print_lines(*(f"  would open {what}" for what in moved["opens"]))
            print_lines(*(f"  closes {what}" for what in moved["closes"]))


def show(*, home: Home, platform: Platform, acting: As = None, json: Json = False) -> None:
    """Show the profile in force: what it reaches, what is outside, its sources and doubts."""
    profile = client(home, acting).get("terms", platform)["profile"]
    if json:
        print_json(profile)
        return
    print_lines(f"{profile['title']}, version {profile['version']}, written {profile['written']}")
    print_lines(f"Contract: {profile['contract']}")
    for noun in ("dialects", "endpoints", "features", "fields_denied"):
        print_lines(f"{noun}: {', '.join(profile[noun]) or 'none'}")
    print_lines(*(f"Outside: {each['name']}. {each['why']}" for each in profile["outside"]))
    print_lines(*(f"Kept {each['days']} days: {each['match']}*. {each['why']}" for each in profile["retaining"]))
    print_lines(*(f"Doubt: {each}" for each in profile["doubts"]))
    print_lines(*(f"Source ({each['certainty']}, {each['as_of']}): {each['what']}" for each in profile["sources"]))


def propose(
    *,
    home: Home,
    platform: Platform,
    version: Version,
    acting: As = None,
    reason: Reason = "proposed",
    json: Json = False,
) -> None:
    """Propose a version; a second person adopts it."""
    done = client(home, acting).post("terms", platform, "propose", version=version, reason=reason)
    report(done, f"Version {version} of {platform} is proposed and changes nothing yet", json=json)
    _print_moved(done, json=json)


def adopt(
    *,
    home: Home,
    platform: Platform,
    version: Version,
    acting: As = None,
    reason: Reason = "adopted",
    json: Json = False,
) -> None:
    """Adopt the proposed version; another person than the one who proposed it."""
    done = client(home, acting).post("terms", platform, "adopt", version=version, reason=reason)
    report(done, f"{platform} is read by version {version} from the next call on", json=json)
    _print_moved(done, json=json)


def _print_moved(done: dict[str, Any], *, json: bool) -> None:
    if not json:
        print_lines(*(f"  opens {what}" for what in done["opens"]), *(f"  closes {what}" for what in done["closes"]))
