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
    group.command("sign-in")(sign_in)
    group.command("no-sign-in")(no_sign_in)
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


def sign_in(
    *,
    home: Home,
    provider: Name,
    client_id: Annotated[str, typer.Option("--client-id", help="The id under which the provider knows this console.")],
    discovery: Annotated[
        Path,
        typer.Option("--discovery", help="Its metadata, a file as /.well-known/openid-configuration gives it."),
    ],
    reason: Reason,
    label: Annotated[str, typer.Option("--label", help="What the sign-in page calls it.")] = "your organisation",
    client_secret_file: Annotated[
        Path | None, typer.Option("--client-secret-file", help="A file with the client secret; without, PKCE alone.")
    ] = None,
    ca_file: Annotated[
        str | None, typer.Option("--ca-file", help="The authority of its certificate, where that is not a public one.")
    ] = None,
    acting: As = None,
    json: Json = False,
) -> None:
    """Let linked people sign in to the console at a provider (authorization code with PKCE)."""
    api = client(home, acting)
    told = _read_json(
        discovery, "Save what the provider gives at /.well-known/openid-configuration, and name the file."
    )
    known = {each["id"]: each["issuer"] for each in api.get("providers")["providers"]}
    if told.get("issuer") != known.get(provider):
        raise CommandFailed(
            "issuer_differs",
            what=f"{discovery} is not of the issuer on record for {provider}.",
            why="Addresses of another issuer would send people, and their sign-ins, to somebody else.",
            fix="Compare it with `wardkeep provider list`; record the provider first with `wardkeep provider add`.",
        )
    form = {
        "client_id": client_id,
        "label": label,
        "authorization_endpoint": told.get("authorization_endpoint"),
        "token_endpoint": told.get("token_endpoint"),
        "end_session_endpoint": told.get("end_session_endpoint"),
        "ca_file": ca_file,
        "reason": reason,
    }
    if client_secret_file is not None:
        form["client_secret"] = _text(client_secret_file).strip()
    done = api.post_whole("providers", provider, "sign-in", form=form)
    report(done, f"People who are linked at {provider} may sign in there", json=json)


def no_sign_in(*, home: Home, provider: Name, reason: Reason, acting: As = None, json: Json = False) -> None:
    """Let nobody sign in at a provider any more; the sessions it opened end."""
    done = client(home, acting).post("providers", provider, "no-sign-in", reason=reason)
    report(done, f"Nobody signs in at {provider} any more", json=json)


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
    keys = _read_json(jwks, "Save what the provider's jwks_uri gives into a file, and name it.")
    form: dict[str, Any] = {"id": provider, "issuer": issuer, "audiences": audience, "jwks": keys, "reason": reason}
    if algorithm:
        form["algorithms"] = algorithm
    if second_factor:
        form["second_factor_methods"] = second_factor
    return form


def _read_json(file: Path, fix: str) -> dict[str, Any]:
    try:
        found = json_module.loads(_text(file))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandFailed("file_unreadable", what=f"{file} cannot be read as a JSON object.", fix=fix)
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise CommandFailed("file_unreadable", what=f"{file} cannot be read.", fix="Name a readable file.") from error
