"""Where a root key is held, as one line of text: `keys.root`, `--root`, and what a move between roots names.

`file:PATH` · `passphrase-env:NAME` · `pkcs11:` (RFC 7512) · `aws-kms:ARN` · `vault:URL/MOUNT/KEY`. No secret stands in
such a line, only the name of the environment variable that holds one: the line is in the settings, in ledger entries
and on screens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

FORMS: Final = (
    "file:PATH, passphrase-env:NAME, pkcs11:token=...;object=...?module-path=...&pin-source=env:NAME, "
    "aws-kms:KEY-ARN, or vault:https://HOST:8200/MOUNT/KEY"
)

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# An alias is refused: whoever may repoint it would move the root without a word in our record.
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws(?:-[a-z]+)*):kms:(?P<region>[a-z0-9-]{4,32}):(?P<account>[0-9]{12}):key/(?P<key>[A-Za-z0-9-]{1,64})"
)
_SUFFIXES: Final = {"aws-cn": "amazonaws.com.cn"}
AWS_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class RootMalformed(ValueError):  # noqa: N818 - named for the state found
    """The line does not say where a root is. The operator corrects it; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A file of 32 bytes; a relative path is inside the home."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphrasePlace:
    """An environment variable of the server's process that holds a passphrase."""

    variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Place:
    """An AES key on a token, reached through the maker's module (PKCS#11, OASIS; the URI is of RFC 7512)."""

    module: str
    token: str
    object: str
    pin_variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKmsPlace:
    """A key of AWS KMS by its ARN. `authority` is a PEM file for a private endpoint, relative to the home."""

    arn: str
    region: str
    account: str
    key: str
    endpoint: str
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """A key of Vault's transit engine. Either a token's variable is named, or both of an AppRole."""

    address: str
    mount: str
    key: str
    namespace: str
    authority: str
    token_variable: str
    role_variable: str
    secret_variable: str
    auth_mount: str


RootPlace: TypeAlias = FilePlace | PassphrasePlace | Pkcs11Place | AwsKmsPlace | VaultPlace


def parse_root(text: str) -> RootPlace:
    """Return the place that a line names. Raises RootMalformed."""
    scheme, separator, rest = text.partition(":")
    if not separator or not rest or not text.isprintable():
        raise RootMalformed(f"a root is one of {FORMS}")
    match scheme:
        case "file":
            return FilePlace(path=rest)
        case "passphrase-env":
            return PassphrasePlace(variable=_variable(rest, "the passphrase"))
        case "pkcs11":
            return _pkcs11(rest)
        case "aws-kms":
            return _aws_kms(rest)
        case "vault":
            return _vault(rest)
        case _:
            raise RootMalformed(f"a root is one of {FORMS}")


def secret_variables(place: RootPlace) -> tuple[str, ...]:
    """Return the environment variables that open this root: no worker may inherit them."""
    match place:
        case FilePlace():
            return ()
        case PassphrasePlace(variable=variable):
            return (variable,)
        case Pkcs11Place(pin_variable=variable):
            return (variable,)
        case AwsKmsPlace():
            return AWS_VARIABLES
        case VaultPlace(token_variable=token, role_variable=role, secret_variable=secret):
            return tuple(name for name in (token, role, secret) if name)


def is_outside(place: RootPlace) -> bool:
    """Whether the key never enters this process: a module, KMS or Vault wraps and unwraps with it."""
    return isinstance(place, Pkcs11Place | AwsKmsPlace | VaultPlace)


def _pkcs11(rest: str) -> Pkcs11Place:
    path, _, query = rest.partition("?")
    named = _pairs(path, ";", {"token", "object", "type"})
    options = _pairs(query, "&", {"module-path", "pin-source"})
    if named.get("type", "secret-key") != "secret-key":
        raise RootMalformed("a PKCS#11 root is an AES key: type=secret-key")
    source, _, variable = options.get("pin-source", "").partition(":")
    if not all((named.get("token"), named.get("object"), options.get("module-path"))) or source != "env":
        raise RootMalformed(
            "a PKCS#11 root is pkcs11:token=LABEL;object=LABEL?module-path=/PATH.so&pin-source=env:NAME (RFC 7512)"
        )
    if not options["module-path"].startswith("/"):
        raise RootMalformed("module-path is absolute: what a search path finds first must not get the PIN")
    return Pkcs11Place(
        module=options["module-path"],
        token=named["token"],
        object=named["object"],
        pin_variable=_variable(variable, "the PIN"),
    )


def _aws_kms(rest: str) -> AwsKmsPlace:
    arn, _, query = rest.partition("?")
    found = _ARN.fullmatch(arn)
    if found is None:
        raise RootMalformed("an AWS KMS root is aws-kms:arn:aws:kms:REGION:ACCOUNT:key/ID; an alias may be repointed")
    options = _pairs(query, "&", {"endpoint", "authority"})
    suffix = _SUFFIXES.get(found["partition"], "amazonaws.com")
    endpoint = options.get("endpoint", f"https://kms.{found['region']}.{suffix}")
    return AwsKmsPlace(
        arn=arn,
        region=found["region"],
        account=found["account"],
        key=found["key"],
        endpoint=_origin(endpoint, "endpoint"),
        authority=options.get("authority", ""),
    )


def _vault(rest: str) -> VaultPlace:
    address, _, query = rest.partition("?")
    options = _pairs(
        query, "&", {"namespace", "authority", "token-env", "role-id-env", "secret-id-env", "auth-mount"}
    )  # fmt: skip
    parts = urlsplit(address)
    *mount, key = parts.path.strip("/").split("/")
    auth_mount = options.get("auth-mount", "approle")
    if not mount or not all(_WORD.fullmatch(word) for word in (*mount, key, *auth_mount.split("/"))):
        raise RootMalformed(
            "a Vault root is vault:https://HOST:8200/MOUNT/KEY, as vault:https://v:8200/transit/wardkeep"
        )
    if not all(_WORD.fullmatch(word) for word in options.get("namespace", "root").strip("/").split("/")):
        raise RootMalformed("namespace is the name of a Vault namespace")
    role, secret = options.get("role-id-env", ""), options.get("secret-id-env", "")
    if bool(role) != bool(secret) or (role and "token-env" in options):
        raise RootMalformed("Vault takes token-env=NAME, or role-id-env=NAME and secret-id-env=NAME")
    return VaultPlace(
        address=_origin(f"{parts.scheme}://{parts.netloc}", "address"),
        mount="/".join(mount),
        key=key,
        namespace=options.get("namespace", "").strip("/"),
        authority=options.get("authority", ""),
        token_variable="" if role else _variable(options.get("token-env", "VAULT_TOKEN"), "the token"),
        role_variable=_variable(role, "the role id") if role else "",
        secret_variable=_variable(secret, "the secret id") if role else "",
        auth_mount=auth_mount,
    )


def _pairs(text: str, separator: str, known: set[str]) -> Mapping[str, str]:
    """Parse `name=value` pairs, percent-decoded; an unknown or repeated one is refused, a misspelt one with it."""
    pairs: dict[str, str] = {}
    for part in text.split(separator) if text else ():
        name, _, value = part.partition("=")
        if name not in known or name in pairs or not value:
            raise RootMalformed(f"known here, each once: {', '.join(sorted(known))}; no secret stands in this line")
        pairs[name] = unquote(value)
    return pairs


def _origin(url: str, what: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RootMalformed(f"the {what} is https://HOST or https://HOST:PORT") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc:
        raise RootMalformed(f"the {what} is https://HOST or https://HOST:PORT")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise RootMalformed(f"the {what} is https://HOST or https://HOST:PORT, nothing after it")
    return f"{parts.scheme}://{parts.hostname if ':' not in parts.hostname else f'[{parts.hostname}]'}" + (
        f":{port}" if port else ""
    )


def _variable(name: str, what: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise RootMalformed(f"{what} is given by the name of an environment variable")
    return name
