from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from tests.unit.audit.samples import draft

from wardkeep.audit.entry import (
    ZERO_HASH,
    Header,
    check_draft,
    decode,
    encode_body,
    leaf_bytes,
    timestamp,
)
from wardkeep.audit.errors import DraftMalformed


def test_leaf_begins_with_place_and_predecessor_and_reads_back():
    one = draft("request", seq=3)
    leaf = leaf_bytes(7, b"\xab" * 32, one.body)
    assert leaf.startswith(b'{"v":1,"index":7,"prev":"' + b"ab" * 32 + b'","type":"request","id":"')
    read = decode(leaf)
    assert (read.v, read.index, read.prev, read.type, read.id) == (1, 7, "ab" * 32, "request", one.id.hex())
    assert (read.actor, read.seq, read.ct_len) == ("app-1", 3, len(one.payload))
    assert msgspec.json.decode(leaf)["purpose"] == "TREAT"


def test_absent_fields_are_left_out():
    body = encode_body(Header(type="start", id="0" * 32, at="t", mono=1, boot="b"))
    assert body == b'{"type":"start","id":"%b","at":"t","mono":1,"boot":"b"}' % (b"0" * 32)


def test_unknown_fields_of_later_versions_are_ignored_and_garbage_is_refused():
    leaf = leaf_bytes(0, ZERO_HASH, draft().body)
    assert decode(leaf[:-1] + b',"later":1}').index == 0
    with pytest.raises(DraftMalformed):
        decode(leaf[:-2])


def test_times_are_utc_with_microseconds():
    assert timestamp(datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2027-01-02T03:04:05.000000Z"
    east = datetime(2027, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(east) == "2027-01-02T01:04:05.000006Z"
    with pytest.raises(ValueError):
        timestamp(datetime(2027, 1, 2))  # noqa: DTZ001


def test_detail_cannot_imitate_a_header_field():
    with pytest.raises(DraftMalformed):
        draft(detail={"ct_sha256": "0" * 64})


def changed(one, **fields):
    return msgspec.structs.replace(one, **fields)


def test_every_contradiction_in_a_draft_is_refused():
    good = draft()
    check_draft(good)
    check_draft(draft(payload=None))
    bad = [
        changed(good, id=bytes(16)),
        changed(good, id=good.id + b"x"),
        changed(good, kind="response"),
        changed(good, payload=good.payload + b"x"),
        changed(good, payload=None),
        changed(draft(payload=None), payload=b"x"),
        changed(good, body=good.body.replace(b'"ct_len":14', b'"ct_len":15')),
        changed(good, body=good.body.replace(b'"commit"', b'"Commit"')),
        changed(good, body=good.body[:-1]),
        draft(detail={"note": "x" * 2000}),
    ]
    for one in bad:
        with pytest.raises(DraftMalformed):
            check_draft(one)
