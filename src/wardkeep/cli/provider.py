"""`wardkeep provider`: identity providers whose tokens prove for whom an application calls, and who is whom there."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from wardkeep.cli._client import client
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import As, Home, Json, Reason, print_json, print_table, report

Name = Annotated[str, typer.Argument(metavar="ID", help="The provider's id.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="The person's id.")]
Issuer = Annotated[str, typer.Option("--issuer", help="Its address, exactly as its tokens spell it.")]
Audience = Annotated[list[str], typer.Option("--audience", help="What its tokens for us name; repeat for several.")]
Keys = Annotated[Path, typer.Option("--jwks", help="Its public key set, a file as its jwks_uri gives it.")]
Algorithm = Annotated[list[str] | None, typer.Option("--algorithm", help="A signature it uses; default RS256, ES256.")]
Factor = Annotated[
    list[str] | None, typer.Option("--second-factor", help="An amr value that counts as a second factor; default mfa.")
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Identity providers, and who is whom there.")
    group.command("add")(add)
    group.command("set")(set_)
    group.command("list")(list_providers)
    group.command("disable")(disable)
    group.command("link")(link)
    group.command("unlink")(unlink)
    root.add_typer(group, name="provider")


def add(
    *,
    home: Home,
    provider: Name,
    issuer: Issuer,
    audience: Audience,
    jwks: Keys,
    algorithm: Algorithm = None,
    second_factor: Factor = None,
    acting: As = None,
    reason: Reason = "recorded",
    json: Json = False,
) -> None:
    """Record a provider; its tokens are believed from the next call on."""
    form = _form(provider, issuer, audience, jwks, algorithm=algorithm, second_factor=second_factor, reason=reason)
    report(client(home, acting).post_form("providers", form), f"Provider {provider} is recorded", json=json)


def set_(
    *,
    home: Home,
    provider: Name,
    issuer: Issuer,
    audience: Audience,
    jwks: Keys,
    reason: Reason,
    algorithm: Algorithm = None,
    second_factor: Factor = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Put a provider's terms and keys anew, also when it has changed its keys."""
    form = _form(provider, issuer, audience, jwks, algorithm=algorithm, second_factor=second_factor, reason=reason)
    done = client(home, acting).post_whole("providers", provider, "set", form=form)
    report(done, f"Provider {provider} has its new terms", json=json)


def list_providers(*, home: Home, acting: As = None, json: Json = False) -> None:
    """List providers and what of their tokens is believed."""
    found = client(home, acting).get("providers")["providers"]
    if json:
        print_json(found)
        return
    columns = ("id", "issuer", "audiences", "algorithms", "second_factor_methods", "is_active")
    print_table(columns, [[each[name] for name in columns] for each in found], empty="There is no identity provider.")


def disable(*, home: Home, provider: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Believe no token of a provider any more."""
    done = client(home, acting).post("providers", provider, "disable", reason=reason)
    report(done, f"Provider {provider} is not believed any more", json=json)


def link(
    *,
    home: Home,
    person: Person,
    provider: Annotated[str, typer.Option("--provider", help="The provider's id.")],
    subject: Annotated[str, typer.Option("--subject", help="The `sub` of their tokens.")],
    acting: As = None,
    reason: Reason = "linked",
    json: Json = False,
) -> None:
    """Say which subject of a provider a person is."""
    done = client(home, acting).post("people", person, "link", provider=provider, subject=subject, reason=reason)
    report(done, f"{person} is linked", json=json)


def unlink(
    *,
    home: Home,
    person: Person,
    provider: Annotated[str, typer.Option("--provider", help="The provider's id.")],
    reason: Reason,
    acting: As = None,
    json: Json = False,
) -> None:
    """Take a person's links to a provider away."""
    done = client(home, acting).post("people", person, "unlink", provider=provider, reason=reason)
    report(done, f"{person} is unlinked", json=json)


def _form(
    provider: str,
    issuer: str,
    audience: list[str],
    jwks: Path,
    *,
    algorithm: list[str] | None,
    second_factor: list[str] | None,
    reason: str,
) -> dict[str, Any]:
    try:
        keys = json_module.loads(jwks.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandFailed(
            "file_unreadable",
            what=f"{jwks} cannot be read as JSON.",
            fix="Save what the provider's jwks_uri gives into a file, and name it.",
        ) from error
    form: dict[str, Any] = {"id": provider, "issuer": issuer, "audiences": audience, "jwks": keys, "reason": reason}
    if algorithm:
        form["algorithms"] = algorithm
    if second_factor:
        form["second_factor_methods"] = second_factor
    return form
