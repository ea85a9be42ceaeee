"""Passkeys: W3C WebAuthn level 2 ceremonies, with user verification required, so that one passkey is two factors.

Thin over the `webauthn` library: what is random, expected or kept is ours. Attestation is not asked for: which make an
authenticator is opens nothing here. A signature counter that went back tells of a copied authenticator and refuses.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wardkeep.model.login import Login, Passkey

_TIMEOUT_MS: Final = 120_000


class PasskeyRefused(Exception):  # noqa: N818 - named for what happened
    """The ceremony's answer does not prove the passkey. The person tries again; the detail is not theirs to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where ceremonies take place: `host` is the relying party id, `origin` what the browser must say."""

    host: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What a registration proved."""

    id: bytes
    public_key: bytes
    sign_count: int


def registration_options(site: Site, login: Login, challenge: bytes) -> str:
    """Return the options for `navigator.credentials.create`, as JSON."""
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_id=login.handle,
        user_name=login.id,
        user_display_name=login.id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(login.passkeys),
    )
    return options_to_json(options)


def check_registration(site: Site, answer: bytes, challenge: bytes) -> Registered:
    """Return the new passkey's facts. Raises PasskeyRefused."""
    try:
        verified = verify_registration_response(
            credential=answer.decode(),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused("the registration is not proven") from error
    return Registered(
        id=verified.credential_id, public_key=verified.credential_public_key, sign_count=verified.sign_count
    )


def sign_in_options(site: Site, challenge: bytes) -> str:
    """Return the options for `navigator.credentials.get`: no name is asked for, so none can be tried."""
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def named_passkey(answer: bytes) -> bytes:
    """Return the id of the passkey that an answer names; nothing is believed yet. Raises PasskeyRefused."""
    try:
        return base64url_to_bytes(str(json.loads(answer)["rawId"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused("the answer names no passkey") from error


def check_sign_in(site: Site, answer: bytes, challenge: bytes, passkey: Passkey, last_count: int) -> int:
    """Return the new signature counter. Raises PasskeyRefused, also when the counter did not advance."""
    try:
        verified = verify_authentication_response(
            credential=answer.decode(),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=last_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused("the signature is not proven") from error
    return verified.new_sign_count


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each.id) for each in passkeys]
