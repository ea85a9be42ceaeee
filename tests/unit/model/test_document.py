"""A body is rewritten in place: what is replaced is replaced, and every other byte stays."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.model.document import MAX_DEPTH, Document, apply, parse, scalars
from wardkeep.model.reasons import Reason, RefusalError

# --- JSON texts as other programs write them -------------------------------------------------------------------------

_SPACE = st.text(" \t\r\n", max_size=3)
_NUMBERS = st.sampled_from(
    [
        "0",
        "-0",
        "1",
        "-1",
        "1.0",
        "-0.0",
        "1e5",
        "1E+5",
        "1.5e-7",
        "1e-400",
        "5e300",
        "12345678901234567890",
        "123456789012345678901234567890",
        "-9223372036854775808",
        "18446744073709551616",
        "0.1000000000000000055511151231257827",
    ]
)
_CHARACTERS = st.characters(codec="utf-8")


@st.composite
def _string(draw: st.DrawFn) -> str:
    """A JSON string in one of its spellings: plain, short escapes, \\u escapes, escaped solidus."""
    out = []
    for character in draw(st.text(_CHARACTERS, max_size=6)):
        units = character.encode("utf-16-be")
        escaped = "".join(f"\\u{int.from_bytes(units[i : i + 2], 'big'):04x}" for i in range(0, len(units), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        out.append(draw(st.sampled_from([plain, plain, escaped, escaped.upper().replace("\\U", "\\u")])))
    text = "".join(out)
    return '"' + (text.replace("/", "\\/") if draw(st.booleans()) else text) + '"'


def _spaced(draw: st.DrawFn, inner: list[str], opening: str, closing: str) -> str:
    spaced = [draw(_SPACE) + item + draw(_SPACE) for item in inner]
    return opening + (",".join(spaced) or draw(_SPACE)) + closing


@st.composite
def _value(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.sampled_from(["string", "number", "word", "string", *(["array", "object"] if depth else [])]))
    if kind == "string":
        return draw(_string())
    if kind == "number":
        return draw(_NUMBERS)
    if kind == "word":
        return draw(st.sampled_from(["true", "false", "null"]))
    if kind == "array":
        return _spaced(draw, draw(st.lists(_value(depth - 1), max_size=4)), "[", "]")
    return draw(_object(depth - 1))


@st.composite
def _object(draw: st.DrawFn, depth: int = 3) -> str:
    members: dict[str, str] = {}
    for key in draw(st.lists(_string(), max_size=4)):
        members.setdefault(orjson.loads(key), key + draw(_SPACE) + ":" + draw(_SPACE) + draw(_value(depth)))
    return _spaced(draw, list(members.values()), "{", "}")


OBJECTS = st.builds(lambda before, text, after: (before + text + after).encode(), _SPACE, _object(), _SPACE)


def _replace(value: object, changes: dict[int, str], at: list[int]) -> object:
    """Replace by ordinal in the parsed value: the same operation on the other side of the parser."""

    def scalar(item: object) -> object:
        number = at[0]
        at[0] += 1
        return changes.get(number, item)

    if isinstance(value, dict):
        return [(scalar(key), _replace(item, changes, at)) for key, item in value.items()]
    if isinstance(value, list):
        return [_replace(item, changes, at) for item in value]
    return value if value is None or isinstance(value, bool) else scalar(value)


def _as_pairs(raw: bytes) -> object:
    """Parse keeping every pair, because replaced keys may collide. Numbers as the product's parser reads them."""

    def pairs(items: list[tuple[str, object]]) -> object:
        return list(items)

    return json.loads(raw, object_pairs_hook=pairs, parse_int=orjson.loads, parse_float=orjson.loads)


# --- byte splicing ---------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(OBJECTS, st.data())
def test_replacing_ordinals_is_replacing_in_the_parsed_value_and_no_other_byte(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw)
    assert document.scalars == len(list(scalars(document.value)))
    assert document.value == orjson.loads(raw)
    places = data.draw(st.lists(st.integers(0, document.scalars - 1), max_size=4)) if document.scalars else []
    changes = {place: data.draw(st.text(_CHARACTERS, max_size=5)) for place in places}
    out = document.replaced(changes)
    assert _as_pairs(out) == _replace(document.value, changes, [0])
    edits = document.edits(changes)
    assert apply(raw, edits) == out
    # between the edits every byte is the original's, and an edit covers one scalar
    values = list(scalars(document.value))
    assert len(edits) == len(changes)
    for (start, stop, new), ordinal in zip(edits, sorted(changes), strict=True):
        assert orjson.loads(raw[start:stop]) == values[ordinal]
        assert orjson.loads(new) == changes[ordinal]
    read = written = 0
    for start, stop, new in edits:
        piece = raw[read:start] + new
        assert out[written : written + len(piece)] == piece
        read, written = stop, written + len(piece)
    assert out[written:] == raw[read:]


@settings(deadline=None)
@given(OBJECTS)
def test_nothing_to_replace_is_byte_equal(raw: bytes) -> None:
    assert parse(raw).replaced({}) == raw
    assert parse(raw).edits({}) == []


@settings(max_examples=300, deadline=None)
@given(OBJECTS, st.data())
def test_a_member_is_cut_out_with_its_comma(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw)
    name = data.draw(st.sampled_from([*document.value, "absent"]))
    cut = {name}
    if name not in document.value:
        assert document.edits({}, without=cut) == []
        return
    before = list(document.value)
    insert = data.draw(st.sampled_from([b"", b'"\xe2\x82\xac":false']))
    if insert and "€" in before:
        insert = b""
    out = _as_pairs(apply(raw, document.edits({}, insert=insert, without=cut)))
    wanted = [(key, _replace(value, {}, [0])) for key, value in document.value.items() if key != name]
    assert out == ([("€", False)] if insert else []) + wanted
    # rewriting everything at once changes what is left, and what was cut does not come back
    everything = {ordinal: f"new {ordinal}" for ordinal in range(document.scalars)}
    whole = _as_pairs(document.replaced(everything))
    del whole[before.index(name)]
    assert _as_pairs(apply(raw, document.edits(everything, without=cut))) == whole


def test_an_inserted_member_comes_first() -> None:
    for raw, expected in (
        (b"{}", b'{"store":false}'),
        (b' { "a" : 1 } ', b' {"store":false, "a" : 1 } '),
        (b'{"store ":{"store":1}}', b'{"store":false,"store ":{"store":1}}'),
    ):
        assert apply(raw, parse(raw).edits({}, insert=b'"store":false')) == expected


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (b'{"w":1}', b"{}"),
        (b'{"w":1,"a":2}', b'{"a":2}'),
        (b'{"a":2,"w":1}', b'{"a":2}'),
        (b'{"a":2,"w":1,"b":3}', b'{"a":2,"b":3}'),
        (b'{"a":{"w":0},"w":[{"w":1},"w",","],"b":"w"}', b'{"a":{"w":0},"b":"w"}'),
        (b'{"\\u0077":{"x":"}"},"a":"\\"w\\":1,"}', b'{"a":"\\"w\\":1,"}'),
        (b'{ "a" : 2 , "w" : 1 }', b'{ "a" : 2 }'),
        (b'{"a":"w","w":"a"}', b'{"a":"w"}'),
    ],
)
def test_the_member_named_is_the_member_cut(raw: bytes, left: bytes) -> None:
    document = parse(raw)
    out = apply(raw, document.edits({}, without={"w"}))
    assert out.replace(b" ", b"") == left.replace(b" ", b"")
    orjson.loads(out)


# --- what is not one unambiguous JSON object -------------------------------------------------------------------------


def refusal(raw: bytes) -> Reason:
    with pytest.raises(RefusalError) as caught:
        parse(raw)
    assert caught.value.__cause__ is None
    return caught.value.refused.reason


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":null,"a":null}',
        b'{"a":null,"a":true}',
        b'{"a":{},"a":[]}',
        b'{"":1,"":2}',
        b'{"x":[{"y":{"a":1,"a":2}}]}',
        b'{"x":{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}}',
        b'{"a\\/b":1,"a/b":2}',
        b'{"\\n":1,"\\u000a":2}',
        b'{"a":1,"b":{"c":[]},"a":{"c":[1,2,3]}}',
        b'{"a":{"a":1},"b":2,"\\u0061":{"a":1}}',
    ],
)
def test_a_repeated_key_is_refused_at_any_depth_and_in_any_spelling(raw: bytes) -> None:
    assert refusal(raw) is Reason.JSON_DUPLICATE_KEY


@settings(max_examples=200, deadline=None)
@given(OBJECTS, st.data())
def test_any_member_repeated_is_refused(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw)
    if not document.value:
        return
    key = data.draw(st.sampled_from(list(document.value)))
    spelled = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in key).encode()
    value = data.draw(st.sampled_from([b"null", b"1", b'"x"', b"{}", b'[{"deep":1}]']))
    again = b',"' + spelled + b'":' + value + b"}"
    assert refusal(raw.rstrip()[:-1] + again) is Reason.JSON_DUPLICATE_KEY


def nested(depth: int, *, array: bool = False) -> bytes:
    """An object nested to a depth of containers, the outermost counted."""
    inner = depth - 1
    return b'{"a":' + (b"[" * inner + b"]" * inner if array else b'{"a":' * inner + b"1" + b"}" * inner) + b"}"


@pytest.mark.parametrize("array", [False, True], ids=["objects", "arrays"])
def test_depth_64_passes_and_65_does_not(array: bool) -> None:
    assert MAX_DEPTH == 64
    assert isinstance(parse(nested(64, array=array)), Document)
    assert refusal(nested(65, array=array)) is Reason.JSON_TOO_DEEP
    assert refusal(nested(900, array=array)) is Reason.JSON_TOO_DEEP


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_what_the_parser_finds_too_deep_is_too_deep(depth: int) -> None:
    assert refusal(nested(depth)) is Reason.JSON_TOO_DEEP


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b'{"a":1}}',
        b'{"a":1}{"a":1}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":0x10}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\n"}',
        b'{"a":"\\x41"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}\x00',
        '{"a":1}'.encode("utf-16"),
        b'{/**/"a":1}',
    ],
)
def test_what_is_not_one_json_object_is_malformed(raw: bytes) -> None:
    assert refusal(raw) is Reason.JSON_MALFORMED


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    try:
        parsed = parse(raw).raw
    except RefusalError:
        parsed = raw
    assert parsed == raw


def test_numbers_and_spaces_keep_their_spelling() -> None:
    raw = b'\t{ "big" : 123456789012345678901234567890 ,\r\n"tiny":1.50E-07, "z":-0.0, "t":"\\u0041\\/" , "x":"y"}\n'
    assert parse(raw).replaced({9: "Y"}) == raw.replace(b'"y"', b'"Y"')
