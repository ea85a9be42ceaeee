"""Credentials: their shape, what of them is kept, and every way in which one does not open."""

import random
import re
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.identity.keys import (
    credential_mac,
    find_key,
    find_person,
    identify,
    new_credential,
    parse_credential,
)
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Purpose, Registry, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Identified

MAC_KEY = b"m" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIVE = new_credential("live", MAC_KEY, random.Random(1).randbytes)
OTHER = new_credential("live", MAC_KEY, random.Random(2).randbytes)
USER = new_credential("user", MAC_KEY, random.Random(3).randbytes)
KEY = ApiKey(
    id=LIVE.id,
    mac=LIVE.mac,
    name="n",
    owner="o",
    workspace="w",
    models=frozenset({"alias"}),
    purposes=frozenset({Purpose.TREAT}),
    default_purpose=None,
    expires_at=NOW + timedelta(days=1),
)
OWNER = Person(id="o", roles=frozenset(), is_active=True, credential_mac=USER.mac)
REGISTRY = Registry(epoch=1, keys={KEY.id: KEY}, people={"o": OWNER})
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def with_checksum(stem: str) -> str:
    """Spell the checksum independently of the product: base 62, six symbols, most significant first."""
    rest, number = "", zlib.crc32(stem.encode())
    while number or len(rest) < 6:
        rest = ALPHABET[number % 62] + rest
        number //= 62
    return stem + rest


def reason_of(presented: str | None, registry: Registry = REGISTRY, now: datetime = NOW) -> Reason | None:
    call = Call(
        id=bytes(16),
        surface=Surface.OPENAI_CHAT,
        document=parse(b"{}"),
        credential=None if presented is None else Secret(presented),
        received=Instant(0, 0, "b"),
    )
    found = identify(call, registry, MAC_KEY, now)
    return found.reason if isinstance(found, Refused) else None


@pytest.mark.parametrize("kind", ["live", "user"])
def test_a_credential_has_the_documented_shape(kind: str) -> None:
    for seed in range(200):
        made = new_credential(kind, MAC_KEY, random.Random(seed).randbytes)
        shown = made.shown_once.reveal()
        assert re.fullmatch(rf"wk_{kind}_[0-9a-z]{{12}}_[0-9A-Za-z]{{38}}", shown)
        assert with_checksum(shown[:-6]) == shown
        assert parse_credential(shown) == (kind, made.id)
        assert made.mac == credential_mac(MAC_KEY, shown)
        assert len(made.mac) == 32


def test_what_is_kept_does_not_hold_what_was_shown() -> None:
    shown = LIVE.shown_once.reveal()
    assert shown not in repr(LIVE)
    assert shown.encode() not in LIVE.mac
    assert credential_mac(b"another key" * 3, shown) != LIVE.mac


def test_a_genuine_key_identifies_its_application_and_owner() -> None:
    call = Call(
        id=bytes(16),
        surface=Surface.OPENAI_CHAT,
        document=parse(b"{}"),
        credential=LIVE.shown_once,
        received=Instant(0, 0, "b"),
    )
    assert identify(call, REGISTRY, MAC_KEY, NOW) == Identified(call=call, key=KEY, owner=OWNER)


SHOWN = LIVE.shown_once.reveal()


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "wk_live_",
        "sk-ant-something",
        SHOWN[:-1],
        SHOWN + "0",
        SHOWN + "\n",
        " " + SHOWN,
        SHOWN.replace("wk_", "WK_"),
        SHOWN.replace("wk_live_", "wk_test_"),
        SHOWN.swapcase(),
        SHOWN[:8] + SHOWN[8:20].upper() + SHOWN[20:],
        SHOWN[:-1] + chr(0xFF10),
        SHOWN[:21] + "é" + SHOWN[22:],
        USER.shown_once.reveal(),
        OTHER.shown_once.reveal(),
        # a right checksum and a known id, and another secret
        with_checksum(SHOWN[:21] + "A" * 32),
        # a right checksum and an unknown id, with the genuine secret
        with_checksum("wk_live_" + "0" * 12 + SHOWN[20:53]),
        "Bearer " + SHOWN,
        "\ud800",
        "x" * 100_000,
    ],
)
def test_anything_but_the_issued_key_is_invalid(presented: str) -> None:
    assert reason_of(presented) is Reason.CREDENTIAL_INVALID


def test_no_credential_is_missing_and_not_invalid() -> None:
    assert reason_of(None) is Reason.CREDENTIAL_MISSING


@settings(deadline=None)
@given(at=st.integers(0, len(SHOWN) - 1), symbol=st.sampled_from(ALPHABET))
def test_no_single_changed_symbol_opens(at: int, symbol: str) -> None:
    changed = SHOWN[:at] + symbol + SHOWN[at + 1 :]
    assert reason_of(changed) is (None if changed == SHOWN else Reason.CREDENTIAL_INVALID)
    if changed != SHOWN:
        assert parse_credential(changed) is None


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert reason_of(text) is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + timedelta(days=1) - timedelta(microseconds=1), None),
        (NOW + timedelta(days=1), Reason.CREDENTIAL_EXPIRED),
        (NOW + timedelta(days=1, microseconds=1), Reason.CREDENTIAL_EXPIRED),
    ],
)
def test_a_key_ends_at_the_exact_instant(now: datetime, reason: Reason | None) -> None:
    assert reason_of(SHOWN, now=now) is reason


def with_key(**changes: object) -> Registry:
    return replace(REGISTRY, keys={KEY.id: replace(KEY, **changes)})


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        (with_key(is_revoked=True), Reason.CREDENTIAL_REVOKED),
        (with_key(mac=OTHER.mac), Reason.CREDENTIAL_INVALID),
        (with_key(mac=bytes(32)), Reason.CREDENTIAL_INVALID),
        (with_key(mac=b""), Reason.CREDENTIAL_INVALID),
        (replace(REGISTRY, keys={}), Reason.CREDENTIAL_INVALID),
        (replace(REGISTRY, people={"o": replace(OWNER, is_active=False)}), Reason.OWNER_INACTIVE),
        (replace(REGISTRY, people={}), Reason.OWNER_INACTIVE),
        (with_key(expires_at=None), None),
    ],
)
def test_each_closed_key_has_its_reason(registry: Registry, reason: Reason | None) -> None:
    assert reason_of(SHOWN, registry) is reason


def test_a_stranger_learns_nothing_about_a_revoked_key() -> None:
    wrong = with_checksum(SHOWN[:21] + "A" * 32)
    assert reason_of(wrong, with_key(is_revoked=True)) is Reason.CREDENTIAL_INVALID
    assert reason_of(wrong, with_key(expires_at=NOW - timedelta(days=1))) is Reason.CREDENTIAL_INVALID


def test_find_key_returns_the_record() -> None:
    assert find_key(LIVE.shown_once, REGISTRY, MAC_KEY, NOW) is KEY


@pytest.mark.parametrize(
    ("credential", "registry", "expected"),
    [
        (USER.shown_once, REGISTRY, OWNER),
        (LIVE.shown_once, REGISTRY, Reason.CREDENTIAL_INVALID),
        (new_credential("user", MAC_KEY, random.Random(4).randbytes).shown_once, REGISTRY, Reason.CREDENTIAL_INVALID),
        (Secret("nonsense"), REGISTRY, Reason.CREDENTIAL_INVALID),
        (USER.shown_once, replace(REGISTRY, people={"o": replace(OWNER, is_active=False)}), Reason.OWNER_INACTIVE),
        (
            USER.shown_once,
            replace(REGISTRY, people={"o": replace(OWNER, credential_mac=None)}),
            Reason.CREDENTIAL_INVALID,
        ),
        (USER.shown_once, replace(REGISTRY, people={}), Reason.CREDENTIAL_INVALID),
    ],
)
def test_a_personal_credential_finds_its_active_person_only(
    credential: Secret[str], registry: Registry, expected: Person | Reason
) -> None:
    found = find_person(credential, registry, MAC_KEY)
    assert (found.reason if isinstance(found, Refused) else found) == expected
