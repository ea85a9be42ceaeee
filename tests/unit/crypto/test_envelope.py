from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.crypto.envelope import open_, seal
from wardkeep.crypto.errors import RecordTampered, UnknownKey
from wardkeep.crypto.keys import DataKeys

KEYS = DataKeys(
    tenant="t",
    epoch_id="e1",
    epochs={"e1": b"1" * 32},
    surrogate_key=b"2" * 32,
    api_key_key=b"3" * 32,
    blind_index_key=b"4" * 32,
    conversation_key=b"5" * 32,
)
PLACE = {"tenant": "t", "table": "entries", "record_id": b"r" * 16, "field": "payload", "version": 1}


@given(st.binary(max_size=4000))
def test_round_trip(plaintext):
    sealed = seal(KEYS, plaintext=plaintext, **PLACE)
    assert open_(KEYS, sealed=sealed, **PLACE) == plaintext
    assert len(sealed.ciphertext) == len(plaintext) + 12 + 1 + 16
    assert len(sealed.commitment) == 32


@pytest.mark.parametrize(
    ("part", "value"),
    [("tenant", "u"), ("table", "other"), ("record_id", b"s" * 16), ("field", "map"), ("version", 2)],
)
def test_moved_to_another_place_does_not_open(part, value):
    sealed = seal(KEYS, plaintext=b"x", **PLACE)
    with pytest.raises(RecordTampered):
        open_(KEYS, sealed=sealed, **{**PLACE, part: value})


def test_neighbouring_fields_are_not_confused():
    sealed = seal(KEYS, plaintext=b"x", **{**PLACE, "tenant": "ab", "table": "c"})
    with pytest.raises(RecordTampered):
        open_(KEYS, sealed=sealed, **{**PLACE, "tenant": "a", "table": "bc"})


def test_every_flipped_bit_is_noticed():
    sealed = seal(KEYS, plaintext=b"some text", **PLACE)
    for name in ("ciphertext", "commitment"):
        blob = getattr(sealed, name)
        for bit in range(len(blob) * 8):
            changed = bytearray(blob)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(RecordTampered):
                open_(KEYS, sealed=replace(sealed, **{name: bytes(changed)}), **PLACE)


def test_too_short_is_noticed():
    sealed = seal(KEYS, plaintext=b"", **PLACE)
    with pytest.raises(RecordTampered):
        open_(KEYS, sealed=replace(sealed, ciphertext=sealed.ciphertext[:28]), **PLACE)


def test_commitment_of_another_epoch_key_is_refused_before_decrypting():
    sealed = seal(KEYS, plaintext=b"x", **PLACE)
    with pytest.raises(RecordTampered, match="commitment"):
        open_(replace(KEYS, epochs={"e1": b"9" * 32}), sealed=sealed, **PLACE)


def test_unknown_epoch_is_named():
    sealed = seal(KEYS, plaintext=b"x", **PLACE)
    with pytest.raises(UnknownKey, match="e7"):
        open_(KEYS, sealed=replace(sealed, key_id="e7"), **PLACE)


def test_unknown_codec_is_refused():
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from wardkeep.crypto import envelope

    key, commitment = envelope._record_key(KEYS.epoch_key, PLACE["record_id"], PLACE["field"])
    place = envelope._place("t", "entries", PLACE["record_id"], "payload", 1)
    blob = bytes(12) + AESGCM(key).encrypt(bytes(12), b"\x02later", place)
    with pytest.raises(RecordTampered, match="packed in a way"):
        open_(KEYS, sealed=envelope.Sealed(ciphertext=blob, key_id="e1", commitment=commitment), **PLACE)


def test_same_place_twice_gives_different_bytes():
    one, two = (seal(KEYS, plaintext=b"x", **PLACE) for _ in range(2))
    assert one.ciphertext != two.ciphertext
    assert one.commitment == two.commitment


def test_what_is_packed_before_it_is_sealed_opens_like_any_other():
    text = b"the patient reports no chest pain and no shortness of breath. " * 30
    sealed = seal(KEYS, plaintext=text, **PLACE, is_packed=True)
    assert len(sealed.ciphertext) < len(text) / 4
    assert open_(KEYS, sealed=sealed, **PLACE) == text
