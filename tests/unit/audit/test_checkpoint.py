from base64 import b64encode

import pytest

from wardkeep.audit.checkpoint import (
    Checkpoint,
    VerifierKey,
    checkpoint_text,
    key_id,
    parse,
    parse_verifier_key,
    signed_note,
    verifier_key_text,
    verify,
)
from wardkeep.audit.errors import NoteInvalid
from wardkeep.crypto.signing import signing_key

SIGNER = signing_key(b"\x07" * 32)
KEY = VerifierKey(name="log.example/a", public=SIGNER.public)
STATED = Checkpoint(origin="log.example/a", size=42, root=b"\x11" * 32)


def note(stated=STATED, key=KEY, signer=SIGNER):
    text = checkpoint_text(stated)
    return signed_note(text, key, signer.sign(text))


def test_text_is_three_lines_then_the_signature():
    lines = note().decode().split("\n")
    assert lines[:4] == ["log.example/a", "42", b64encode(b"\x11" * 32).decode(), ""]
    assert lines[4].startswith("\u2014 log.example/a ")
    assert lines[5:] == [""]
    assert verify(note(), KEY) == parse(note()) == STATED


def test_known_vector_of_the_key_format():
    """The key of golang.org/x/mod/sumdb/note's documentation."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = parse_verifier_key(text)
    assert key_id(key).hex() == "c74f20a3"
    assert verifier_key_text(key) == text


def test_signatures_of_witnesses_are_left_alone():
    other = VerifierKey(name="witness.example", public=signing_key(b"\x08" * 32).public)
    line = f"\u2014 {other.name} {b64encode(key_id(other) + bytes(64)).decode()}\n".encode()
    whole = note()
    head, _, own = whole.partition(b"\n\n")
    assert verify(head + b"\n\n" + line + own, KEY) == STATED
    assert verify(whole + line, KEY) == STATED


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"\n42\n", b"\n43\n"),
        lambda raw: raw.replace(b"\n42\n", b"\n042\n"),
        lambda raw: raw.replace(b"\n42\n", b"\n-42\n"),
        lambda raw: raw.replace(b"log.example/a\n", b"log.example/b\n", 1),
        lambda raw: raw.replace(b"ERER", b"ERES", 1),
        lambda raw: raw.replace(b"ERER", b"!!!!", 1),
        lambda raw: raw[:20],
        lambda raw: b"",
        lambda raw: raw.partition(b"\n\n")[0] + b"\n\n",
        lambda raw: raw[:-6] + b"AAA=\n",
        lambda raw: raw[:-6] + b"!!!!\n",
        lambda raw: b"\xff" + raw,
    ],
)
def test_every_change_is_refused(change):
    with pytest.raises(NoteInvalid):
        verify(change(note()), KEY)


def test_another_key_is_refused():
    stranger = signing_key(b"\x09" * 32)
    with pytest.raises(NoteInvalid):
        verify(note(signer=stranger), KEY)
    with pytest.raises(NoteInvalid):
        verify(note(), VerifierKey(name=KEY.name, public=stranger.public))
    with pytest.raises(NoteInvalid):
        verify(note(), VerifierKey(name="log.example/b", public=KEY.public))


def test_short_root_is_refused():
    with pytest.raises(NoteInvalid):
        parse(note(Checkpoint(origin="log.example/a", size=1, root=b"short")))


@pytest.mark.parametrize("text", ["", "name", "a+b", "a+00000000+AQ==", "a+00000000+!!"])
def test_malformed_verifier_key_is_refused(text):
    with pytest.raises(NoteInvalid):
        parse_verifier_key(text)


def test_verifier_key_with_another_name_is_refused():
    with pytest.raises(NoteInvalid):
        parse_verifier_key(verifier_key_text(KEY).replace("log.example/a", "log.example/b"))
