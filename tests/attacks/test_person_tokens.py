"""Forged, foreign, old, borrowed and inflated tokens of people: none is believed, whatever it says (RFC 8725)."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.unit.compliance.organisation import ADMIN, PRIVACY, SECURITY, after, registry

from wardkeep.compliance import people, providers
from wardkeep.compliance.errors import NotAllowed
from wardkeep.identity.tokens import Tokens
from wardkeep.model.access import Application, ApplicationKind, IdentityProvider
from wardkeep.model.sensitive import Secret

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, parameters={"kid": "k1"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "k1"})
PUBLIC = {"keys": [KEY.as_dict(private=False)]}
PROVIDER = IdentityProvider(
    id="idp",
    issuer="https://idp.example",
    audiences=frozenset({"portal"}),
    jwks=json.dumps(PUBLIC).encode(),
    algorithms=frozenset({"RS256"}),
)
PORTAL = Application(
    id="portal", name="Portal", kind=ApplicationKind.APPLICATION, owner="developer", workspace="default",
    roles=frozenset(), is_active=True, token_clients=frozenset({"portal"}),
)  # fmt: skip
CLAIMS = {
    "iss": "https://idp.example", "sub": "u-77", "aud": "portal", "iat": AT, "exp": AT + 300,
    "auth_time": AT - 5, "amr": ["pwd", "mfa"],
}  # fmt: skip


def world():
    held = after(registry(), providers.put_provider(registry(), PRIVACY, provider=PROVIDER, is_new=True))
    return after(held, providers.link_person(held, ADMIN, person="developer", provider="idp", subject="u-77"))


HELD = world()


def token(claims=CLAIMS, *, key=KEY, header=None):
    return jwt.encode({"alg": "RS256", "kid": "k1", **(header or {})}, claims, key)


def raw(header, claims, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)


def prove(text, *, held=HELD, application=PORTAL, at=NOW, tokens=None):
    return (tokens or Tokens()).prove(Secret(text), held, application, at)


def test_a_good_token_proves_its_person_and_their_second_factor():
    proven = prove(token())
    assert proven.person.id == "developer"
    assert proven.second_factor_at == NOW - timedelta(seconds=5)
    assert prove(token({**CLAIMS, "amr": ["pwd"]})).second_factor_at is None
    assert prove(token({name: value for name, value in CLAIMS.items() if name != "auth_time"})).second_factor_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": "https://idp.example/"},
        {"aud": "another-api"},
        {"aud": []},
        {"aud": ["portal-2"]},
        {"azp": "another-client"},
        {"client_id": "another-client"},
        {"aud": ["portal", "another"]},
        {"sub": "u-78"},
        {"sub": "developer"},
        {"sub": ""},
        {"sub": ["u-77"]},
        {"exp": AT},
        {"exp": AT - 1},
        {"exp": str(AT + 300)},
        {"exp": True},
        {"nbf": AT + 120},
        {"iat": AT + 120},
        {"iat": AT - 90_000, "exp": AT + 300},
        {"exp": None},
        {"aud": None},
        {"sub": None},
        {"iat": None},
        {"email": "developer@clinic.example", "preferred_username": "developer", "sub": "u-79"},
    ],
)
def test_a_wrong_claim_is_not_believed(changed):
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    assert prove(token(claims)) is None


def test_a_wrong_signature_is_not_believed():
    good = token()
    head, body, signature = good.split(".")
    public_pem = KEY.as_pem(private=False)
    confused = jwt.encode({"alg": "HS256", "kid": "k1"}, CLAIMS, OctKey.import_key(b"x" * 64), algorithms=["HS256"])
    forged = [
        token(key=OTHER),
        raw({"alg": "none"}, CLAIMS),
        raw({"alg": "None", "kid": "k1"}, CLAIMS),
        raw({"alg": "RS256", "kid": "k1"}, CLAIMS),
        confused,
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{raw({}, {**CLAIMS, 'exp': AT + 9000}).split('.')[1]}.{signature}",
        raw({"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, CLAIMS, b"x" * 256),
        token(header={"kid": "unknown"}),
        "",
        "a.b.c",
        "....",
        good + "x" * 9000,
    ]
    assert public_pem
    assert [prove(each) for each in forged] == [None] * len(forged)
    elliptic = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    assert prove(jwt.encode({"alg": "ES256", "kid": "k1"}, CLAIMS, elliptic)) is None


def test_a_token_serves_the_application_that_it_was_given_to_and_no_other():
    assert prove(token(), application=None) is None
    assert prove(token(), application=replace(PORTAL, token_clients=frozenset())) is None
    assert prove(token(), application=replace(PORTAL, token_clients=frozenset({"other"}))) is None
    shared = {**CLAIMS, "aud": ["portal", "x"], "azp": "portal"}
    assert prove(token(shared)) is not None


def test_what_was_verified_once_ends_with_its_time_link_key_provider_and_person():
    tokens, good = Tokens(), token()
    assert prove(good, tokens=tokens) is not None
    assert prove(good, tokens=tokens, at=NOW + timedelta(seconds=301)) is None
    unlinked = after(HELD, providers.unlink_person(HELD, ADMIN, person="developer", provider="idp"))
    assert prove(good, tokens=tokens, held=unlinked) is None
    disabled = after(HELD, providers.disable_provider(HELD, ADMIN, provider="idp"))
    assert prove(good, tokens=tokens, held=disabled) is None
    left = after(HELD, people.disable_person(HELD, ADMIN, person="developer"))
    assert prove(good, tokens=tokens, held=left) is None
    rotated = replace(PROVIDER, jwks=json.dumps({"keys": [OTHER.as_dict(private=False)]}).encode())
    other = after(HELD, providers.put_provider(HELD, PRIVACY, provider=rotated, is_new=False))
    assert prove(good, tokens=tokens, held=other) is None
    assert prove(good, tokens=tokens) is not None


def refused(code, change, *given, **named):
    with pytest.raises(NotAllowed) as caught:
        change(*given, **named)
    assert caught.value.code == code


def test_nobody_links_themselves_or_a_subject_twice_or_somebody_stronger():
    link = {"provider": "idp", "subject": "u-1"}
    refused("second_person_required", providers.link_person, HELD, ADMIN, person="admin", **link)
    refused("grant_exceeds_own", providers.link_person, HELD, SECURITY, person="admin", **link)
    refused("already_exists", providers.link_person, HELD, ADMIN, person="auditor", provider="idp", subject="u-77")
    refused("role_not_permitted", providers.link_person, HELD, PRIVACY, person="auditor", **link)
    # a link is access: an officer who is linked by somebody counts for what takes two only once confirmed
    stronger = replace(ADMIN, id="chief", roles=ADMIN.roles | SECURITY.roles | PRIVACY.roles)
    linked = after(HELD, providers.link_person(HELD, stronger, person="security", **link)).people["security"]
    assert (linked.enrolled_by, linked.confirmed_by, linked.access_by) == ("chief", None, {"chief"})


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://idp.example"},
        {"issuer": "idp"},
        {"audiences": frozenset()},
        {"algorithms": frozenset()},
        {"algorithms": frozenset({"none"})},
        {"algorithms": frozenset({"HS256"})},
        {"jwks": b"{}"},
        {"jwks": b'{"keys":[]}'},
        {"jwks": b"nonsense"},
        {"jwks": json.dumps({"keys": [KEY.as_dict(private=True)]}).encode()},
        {"jwks": json.dumps({"keys": [OctKey.import_key(b"x" * 32).as_dict()]}).encode()},
    ],
)
def test_a_provider_that_could_be_forged_is_not_recorded(changes):
    refused(
        "value_invalid", providers.put_provider, registry(), PRIVACY, provider=replace(PROVIDER, **changes), is_new=True
    )


def test_a_provider_is_an_established_officer_s_decision():
    twin = replace(PRIVACY, id="twin", enrolled_by="admin", access_by=frozenset({"admin"}))
    refused("confirmation_required", providers.put_provider, registry(), twin, provider=PROVIDER, is_new=True)
    refused(
        "role_not_permitted",
        providers.put_provider,
        registry(),
        replace(ADMIN, roles=frozenset()),
        provider=PROVIDER,
        is_new=True,
    )
