import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.crypto import compression
from wardkeep.crypto.compression import LONGEST, pack, size_class, unpack
from wardkeep.crypto.errors import RecordTampered

ROOT = Path(__file__).resolve().parents[3]
VALID = ROOT / "model/corpus/valid"
NOTE = (
    b"Patient reports two episodes of palpitations, no syncope, no bleeding. BP 132/78, HR 74 irregular. Medication: "
    b"apixaban 5 mg twice daily, metoprolol succinate 50 mg daily. Plan: repeat renal function in 6 months."
)


@given(st.binary(max_size=2000) | st.text(alphabet="abc de", max_size=20_000).map(str.encode))
def test_what_is_packed_comes_back_and_is_never_longer(plaintext):
    packed = pack(plaintext)
    if packed is None:
        return
    assert len(packed) <= len(plaintext)
    assert packed[0] == 1
    assert size_class(len(packed)) == len(packed)
    assert unpack(packed) == plaintext


def test_clinical_text_becomes_much_shorter_and_a_note_alone_too():
    text = "".join(path.read_text() for path in sorted(VALID.glob("*.txt")))
    text = re.sub(r"⟦[A-Z]+\|([^⟦⟧]*)⟧", r"\1", text)
    pieces = [text[at : at + 4096].encode() for at in range(0, 40 * 4096, 4096)]
    shorter = [pack(piece) for piece in pieces]
    assert all(shorter)
    assert sum(map(len, shorter)) / sum(map(len, pieces)) < 0.65
    assert len(pack(NOTE)) < len(NOTE) * 0.8


@pytest.mark.parametrize("plaintext", [b"", b"short", hashlib.shake_128(b"noise").digest(5000)])
def test_what_would_not_become_shorter_is_left(plaintext):
    assert pack(plaintext) is None


def test_what_does_not_say_its_own_length_is_refused():
    packed = pack(NOTE)
    for wrong in (
        b"",
        packed[:5],
        b"\x00" + packed[1:],
        b"\x02" + packed[1:],
        packed[:1] + b"\x00" + packed[2:],
        packed[:1] + b"\x02" + packed[2:],
        packed[:2] + (len(NOTE) - 1).to_bytes(4, "big") + packed[6:],
        packed[:2] + (len(NOTE) + 1).to_bytes(4, "big") + packed[6:],
        packed[:6],
        packed[:40],
        packed + b"\x01",
        packed[:6] + b"\x00" * 40,
    ):
        with pytest.raises(RecordTampered):
            unpack(wrong)


def test_a_payload_that_would_fill_the_memory_is_refused_before_it_is_unpacked():
    bomb = compression._compressor(1).compress(bytes(32 << 20), compression.zstd.ZstdCompressor.FLUSH_FRAME)
    assert len(bomb) < 10_000
    with pytest.raises(RecordTampered, match="as long as"):
        unpack(b"\x01\x01" + (100).to_bytes(4, "big") + bomb)
    with pytest.raises(RecordTampered, match="larger than any"):
        unpack(b"\x01\x01" + (LONGEST + 1).to_bytes(4, "big") + bomb)


def test_lengths_fall_into_few_classes():
    classes = {size_class(length) for length in range(1024, 4096)}
    assert len(classes) <= 48
    assert all(length <= size_class(length) <= length * 1.12 for length in range(1, 100_000))
    assert [size_class(length) for length in (0, 1, 2, 9, 1025, 2049)] == [0, 1, 2, 10, 1088, 2176]


def test_the_dictionary_is_the_manifests_and_made_of_our_own_text_alone():
    folder = files("wardkeep.crypto") / "data"
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert list(manifest) == [f"payloads-{number}.zdict" for number in range(1, compression.NEWEST + 1)]
    for name, told in manifest.items():
        data = (folder / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == told["sha256"]
        assert len(data) == told["bytes"]
        assert told["sources"] == ["model/corpus/train (written for this project, all people invented)"]


def test_a_record_of_today_opens_for_ever():
    """Bytes that version 1 of the dictionary made: no later version may read them otherwise."""
    packed = bytes.fromhex(FIRST)
    assert unpack(packed) == b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Blood pressure 120/80."}]}'


FIRST = (
    "01010000005728b52ffd239425141f57650100a03a73223a22426c6f6f643230"
    "2f38302e227d5d7d07fc412f6f12a83cbfd9507d4345163e65c387ad4c138b00"
)
