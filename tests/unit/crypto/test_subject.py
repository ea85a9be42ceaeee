import pytest

from wardkeep.crypto import subject
from wardkeep.crypto.envelope import open_, seal
from wardkeep.crypto.errors import KeyUnavailable, RecordTampered, UnknownKey
from wardkeep.crypto.subject import NewSubjectKey, SubjectSeal

TAG = bytes(range(16))
PLACE = {"tenant": "t", "table": "entries", "record_id": b"r" * 16, "field": "payload", "version": 1}


def drawn(**changes):
    return subject.draw_key("e1", TAG, **{"period": 24_000, "is_resolved": True, **changes})


def test_a_record_sealed_under_a_subject_key_opens_with_both_halves_and_with_no_other():
    key = drawn()
    whole = subject.derive_key(b"e" * 32, key.name, key.material)
    sealed = seal(whole, plaintext=b"text", **PLACE)
    assert sealed.key_id == key.name
    again = subject.derive_key(b"e" * 32, key.name, key.material)
    assert open_(again, sealed=sealed, **PLACE) == b"text"
    for other in (
        subject.derive_key(b"f" * 32, key.name, key.material),
        subject.derive_key(b"e" * 32, key.name, drawn().material),
    ):
        with pytest.raises(RecordTampered):
            open_(other, sealed=sealed, **PLACE)
    with pytest.raises(UnknownKey):
        open_(subject.derive_key(b"e" * 32, drawn().name, key.material), sealed=sealed, **PLACE)


def test_names_say_epoch_and_tag_and_no_two_are_alike():
    names = {drawn().name for _ in range(50)}
    assert len(names) == 50
    for name in names:
        assert subject.is_subject_key(name)
        assert (subject.epoch_of(name), subject.tag_of(name)) == ("e1", TAG)
    assert not subject.is_subject_key("e1")


@pytest.mark.parametrize("name", ["e1", "", "e1.00.00", "x1." + "0" * 32 + "." + "0" * 12, "e1." + "G" * 32 + ".0"])
def test_what_is_no_subject_keys_name_is_refused(name):
    with pytest.raises(UnknownKey):
        subject.tag_of(name)


def test_wrapped_keys_open_in_their_own_place_only():
    shelf = subject.wrap_shelf(b"s" * 32, "t", 3, 7, b"k" * 32)
    assert subject.unwrap_shelf(b"s" * 32, "t", 3, 7, shelf) == b"k" * 32
    for place in ((b"s" * 32, "t", 4, 7), (b"s" * 32, "t", 3, 8), (b"s" * 32, "u", 3, 7), (b"z" * 32, "t", 3, 7)):
        with pytest.raises(KeyUnavailable):
            subject.unwrap_shelf(*place, shelf)
    blob = subject.wrap_subject(b"k" * 32, "t", "name", b"m" * 32)
    assert subject.unwrap_subject(b"k" * 32, "t", "name", blob) == b"m" * 32
    with pytest.raises(KeyUnavailable):
        subject.unwrap_subject(b"k" * 32, "t", "other", blob)


@pytest.mark.parametrize("following", [None, b"n" * 32])
def test_a_seal_comes_back_under_its_own_tenant_key_only(following):
    seal_ = SubjectSeal(number=5, key=b"s" * 32, following=following)
    raw = subject.dump_seal(b"t" * 32, "tenant", seal_)
    assert subject.load_seal(b"t" * 32, "tenant", raw) == seal_
    for key, tenant in ((b"u" * 32, "tenant"), (b"t" * 32, "other")):
        with pytest.raises(KeyUnavailable):
            subject.load_seal(key, tenant, raw)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"version":2,"seals":{}}', b'{"version":1,"seals":{}}'])
def test_a_damaged_seal_is_refused(raw):
    with pytest.raises(KeyUnavailable):
        subject.load_seal(b"t" * 32, "tenant", raw)


def test_no_holder_shows_a_key():
    key = drawn()
    held = (key, subject.derive_key(b"e" * 32, key.name, key.material), subject.new_seal())
    for each in held:
        secret = key.material if isinstance(each, NewSubjectKey) else getattr(each, "epoch_key", None) or each.key
        assert repr(secret)[2:-1] not in repr(each)
        assert secret.hex() not in repr(each)
