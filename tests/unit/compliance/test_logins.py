"""Ways to sign in: never a password alone, never replaced by a leaked credential, never the last one given away."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.compliance.instance import keyring
from tests.unit.compliance.organisation import ADMIN, AUDITOR, DEVELOPER, SECURITY, after, registry

from wardkeep.compliance import logins, people
from wardkeep.compliance.errors import NotAllowed
from wardkeep.crypto.errors import CryptoError
from wardkeep.crypto.keys import data_keys
from wardkeep.model.login import Passkey

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Passkey(id=b"p1", public_key=b"k", name="laptop", added_at=NOW)
WAY = {"handle": b"h" * 32, "password": "$argon2id$x", "totp": b"sealed", "recovery": (b"r1", b"r2"), "passkey": None}


def refused(expected, change, *given, **named):
    with pytest.raises(NotAllowed) as caught:
        change(*given, **named)
    assert caught.value.code == expected


def enrolled(**changes):
    return after(registry(), logins.enrol(registry(), DEVELOPER, **{**WAY, **changes}))


def test_a_password_never_stands_alone():
    for missing in ({"totp": None}, {"password": None}, {"password": None, "totp": None}):
        refused("value_invalid", logins.enrol, registry(), DEVELOPER, **{**WAY, **missing})
    held = enrolled(password=None, totp=None, recovery=(), passkey=KEY)
    refused("value_invalid", logins.set_password, held, DEVELOPER, password="$argon2id$y", totp=None)
    held = after(held, logins.set_password(held, DEVELOPER, password="$argon2id$y", totp=b"s"))
    assert held.logins["developer"].is_complete


def test_enrolling_twice_is_refused_until_somebody_resets():
    held = enrolled()
    refused("already_exists", logins.enrol, held, DEVELOPER, **WAY)
    refused("role_not_permitted", logins.reset_login, held, AUDITOR, person="developer")
    held = after(held, logins.reset_login(held, SECURITY, person="developer"))
    assert after(held, logins.enrol(held, DEVELOPER, **WAY)).logins["developer"].is_complete
    officer = after(registry(), logins.enrol(registry(), ADMIN, **WAY))
    refused("grant_exceeds_own", logins.reset_login, officer, SECURITY, person="admin")


def test_a_recovery_code_is_spent_once():
    held = enrolled()
    held = after(held, logins.spend_recovery(held, DEVELOPER, code=b"r1"))
    assert held.logins["developer"].recovery == (b"r2",)
    refused("not_found", logins.spend_recovery, held, DEVELOPER, code=b"r1")


def test_passkeys_are_added_once_and_the_last_way_in_stays():
    held = enrolled(password=None, totp=None, recovery=(), passkey=KEY)
    refused("value_invalid", logins.add_passkey, held, DEVELOPER, passkey=KEY)
    refused("last_way_in", logins.remove_passkey, held, DEVELOPER, passkey=b"p1")
    held = after(held, logins.add_passkey(held, DEVELOPER, passkey=replace(KEY, id=b"p2")))
    held = after(held, logins.remove_passkey(held, DEVELOPER, passkey=b"p1"))
    assert [each.id for each in held.logins["developer"].passkeys] == [b"p2"]
    refused("not_found", logins.remove_passkey, held, DEVELOPER, passkey=b"p1")


def test_who_leaves_loses_every_way_in():
    held = enrolled()
    held = after(held, people.disable_person(held, ADMIN, person="developer"))
    assert held.logins == {}
    refused("not_found", logins.enrol, held, DEVELOPER, **WAY)


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("seven quiet herons", True),
        ("x" * 40, False),
        ("short", False),
        ("the developer is here", False),
        ("breached but long enough", False),
        ("y" * 129, False),
    ],
)
def test_a_password_is_long_not_known_and_not_ones_name(password, is_good):
    def check():
        logins.check_password(password, "developer", is_breached=lambda text: text.startswith("breached"))

    if is_good:
        assert check() is None
    else:
        refused("value_invalid", check)


def test_recovery_codes_are_drawn_apart_and_typed_anyhow():
    codes = logins.new_recovery_codes(b"k" * 32, "ana", os.urandom)
    assert len(codes) == len(set(codes.values())) == logins.RECOVERY_CODES
    shown, stored = next(iter(codes.items()))
    assert logins.recovery_mac(b"k" * 32, "ana", shown.lower().replace("-", " ")) == stored
    assert logins.recovery_mac(b"k" * 32, "ben", shown) != stored


def test_a_second_factor_s_secret_opens_at_its_own_place_only():
    keys = data_keys(keyring(), with_history=True)
    body = logins.seal_totp(keys, tenant="t", person="ana", secret=b"s" * 20)
    assert b"s" * 20 not in body
    assert logins.open_totp(keys, tenant="t", person="ana", body=body) == b"s" * 20
    with pytest.raises(CryptoError):
        logins.open_totp(keys, tenant="t", person="ben", body=body)
