"""Opens the root key where it is held: a file, a passphrase, a PKCS#11 token, AWS KMS, Vault.

Asked at start, at a rotation or move, and for a backup or its drill, never for a call: what it unwraps is kept in the
keeper's memory, so a KMS that is down or hangs stops none. Who does not answer within some seconds is not waited for.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wardkeep.crypto.errors import KeyHolderFailed, KeyUnavailable
from wardkeep.crypto.holder import HolderAnswer, HolderRequest, Send
from wardkeep.crypto.keys import (
    PassphraseParameters,
    RootKey,
    create_key_file,
    load_key_file,
    new_passphrase_parameters,
    passphrase_root,
)
from wardkeep.crypto.kms import AwsKmsRoot
from wardkeep.crypto.pkcs11 import Pkcs11Root
from wardkeep.crypto.sigv4 import AwsKeys
from wardkeep.crypto.transit import VaultCredential, VaultRoot
from wardkeep.model.roots import AwsKmsPlace, FilePlace, PassphrasePlace, Pkcs11Place, RootPlace, VaultPlace, parse_root
from wardkeep.model.sensitive import Secret
from wardkeep.settings import clock
from wardkeep.transport.asking import Question, ask
from wardkeep.transport.errors import RequestUnsendableError, TransportError
from wardkeep.transport.pool import Origin
from wardkeep.transport.tls import TlsDemands

SHORTEST_PASSPHRASE: Final = 16

_SECONDS: Final = 10.0


def open_place(
    place: RootPlace,
    *,
    home: Path,
    parameters: PassphraseParameters | None,
    environment: Mapping[str, str] = os.environ,
    seconds: float = _SECONDS,
) -> RootKey:
    """Return the root that is held at `place`; relative paths are inside `home`. Outside ones are not asked yet.

    Raises:
        KeyUnavailable, KeyFileUnsafe: the file or variable is absent, readable by others, or not the right one.
    """
    match place:
        case FilePlace(path=path):
            return load_key_file(home / path)
        case PassphrasePlace(variable=variable):
            passphrase = environment.get(variable)
            if not passphrase or parameters is None:
                raise KeyUnavailable(
                    f"the environment variable {variable} does not hold the passphrase of this home's keys"
                )
            return passphrase_root(passphrase, parameters)
        case Pkcs11Place():
            return Pkcs11Root(place=place, pin=_secret(environment, place.pin_variable, "the token's PIN"))
        case AwsKmsPlace():
            return AwsKmsRoot(
                place=place,
                keys=_aws_keys(environment),
                send=_sender(place.endpoint, _authority(home, place.authority), seconds),
                now=lambda: clock().wall,
            )
        case VaultPlace():
            return VaultRoot(
                place=place,
                credential=_vault_credential(place, environment),
                send=_sender(place.address, _authority(home, place.authority), seconds),
            )


def open_line(line: str, given: PassphraseParameters | None, *, home: Path) -> RootKey:
    """Return the root that a line names, for keys to be wrapped under: a key file that is not there is made.

    Without `given` a passphrase gets new parameters, and must be long enough.

    Raises:
        CryptoError: as `open_place`.
    """
    place = parse_root(line)
    if isinstance(place, FilePlace) and not (home / place.path).exists():
        return create_key_file(home / place.path)
    if isinstance(place, PassphrasePlace) and given is None:
        if len(os.environ.get(place.variable, "")) < SHORTEST_PASSPHRASE:
            raise KeyUnavailable(f"{place.variable} does not hold a passphrase of {SHORTEST_PASSPHRASE} characters")
        given = new_passphrase_parameters()
    return open_place(place, home=home, parameters=given)


def _aws_keys(environment: Mapping[str, str]) -> AwsKeys:
    token = environment.get("AWS_SESSION_TOKEN")
    return AwsKeys(
        access_key_id=_secret(environment, "AWS_ACCESS_KEY_ID", "the access key of AWS KMS").reveal(),
        secret_access_key=_secret(environment, "AWS_SECRET_ACCESS_KEY", "the access key of AWS KMS"),
        session_token=Secret(token) if token else None,
    )


def _vault_credential(place: VaultPlace, environment: Mapping[str, str]) -> VaultCredential:
    if place.token_variable:
        return VaultCredential(token=_secret(environment, place.token_variable, "Vault's token"))
    return VaultCredential(
        role_id=_secret(environment, place.role_variable, "the role id of Vault's AppRole"),
        secret_id=_secret(environment, place.secret_variable, "the secret id of Vault's AppRole"),
    )


def _secret(environment: Mapping[str, str], name: str, what: str) -> Secret[str]:
    text = environment.get(name, "")
    if not text or not text.isascii() or not text.isprintable():
        raise KeyUnavailable(f"the environment variable {name} does not hold {what}")
    return Secret(text)


def _authority(home: Path, given: str) -> Path | None:
    return home / given if given else None


def _sender(url: str, authority: Path | None, seconds: float) -> Send:
    """Return the road to who holds the root; that it cannot be gone is said without what was sent or came."""
    origin = Origin(url=url, tls=TlsDemands(authority=authority))

    def send(request: HolderRequest) -> HolderAnswer:
        question = Question(
            origin=origin,
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=request.body,
            seconds=seconds,
        )
        try:
            status, body = ask(question)
        except RequestUnsendableError as error:
            raise KeyHolderFailed(
                f"the key holder at {url} cannot be asked: {error}",
                fix="Use https, or plain http to this machine only; see that the authority's file is there.",
            ) from error
        except (TransportError, ssl.SSLError, OSError) as error:
            raise KeyHolderFailed(
                f"the key holder at {url} cannot be reached ({type(error).__name__})",
                fix="Bring it back, or mend address, network, name resolution or certificate authority, and start "
                "again.",
            ) from error
        return HolderAnswer(status=status, body=body)

    return send
