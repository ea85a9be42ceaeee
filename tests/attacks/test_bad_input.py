"""Malformed, oversized, deep, doubled, mistyped: every bad call gets one clean refusal in its own wire format, never a
5xx, nothing of it comes back, no vendor hears of it, and the call after it is unaffected.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journeys import house as at
from tests.journeys.house import CHAT, COUNT, MESSAGES, Answer, House, Line, body_for, key_headers, line_to

#: Stands in every bad call where a caller's own text can stand.
MARK = "zqxmarkerjv"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One bad call. `raw` is sent as it is; otherwise headers and body are framed properly."""

    name: str
    path: str = CHAT
    method: str = "POST"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@pytest.fixture(scope="module")
def ward(request) -> House:
    return at.shared_house(request.config, 1)


def check_refused(answer: Answer, path: str, *, head: bool = False) -> None:
    assert 400 <= answer.status < 500, (answer.status, answer.code)
    assert MARK.encode() not in (answer.head + answer.body).lower()
    if head:
        return
    said = answer.json()
    error = said["error"]
    assert answer.headers["content-type"] == JSON
    assert all(
        isinstance(error[part], str) and error[part] for part in ("code", "what", "why", "fix", "type", "message")
    )
    if path.startswith(MESSAGES):
        assert said["type"] == "error"
    else:
        assert "param" in error
    assert answer.headers["x-should-retry"] == "false"


async def try_bad(ward: House, line: Line | None, bad: Bad) -> Line:
    """Send the bad call, then a good one on the same connection if it stays open; return the open connection."""
    if line is None:
        line = await Line.to(ward.instance.data)
    if bad.raw is not None:
        line.writer.write(bad.raw.replace(b"@HOST@", line.host.encode()).replace(b"@KEY@", ward.api_key.encode()))
    else:
        headers = {**key_headers(ward.api_key, bad.path.partition("?")[0]), **bad.headers}
        line.send(bad.method, bad.path, {name: value for name, value in headers.items() if value is not None}, bad.body)
    is_head = bad.method == "HEAD"
    answer = await line.read_head() if is_head else await line.answer()
    check_refused(answer, bad.path, head=is_head)
    if is_head or answer.headers.get("connection") == "close" or line.reader.at_eof():
        line.close()
        line = await Line.to(ward.instance.data)
    await check_good(ward, line)
    return line


async def check_good(ward: House, line: Line) -> None:
    answer = await line.ask("POST", CHAT, key_headers(ward.api_key), body_for(CHAT, "sim-count", "chest pain"))
    assert answer.status == 200
    assert answer.json()["choices"][0]["message"]["content"] == "messages=1 characters=10 tokens=0 tools=0"


def good(path: str) -> dict[str, object]:
    body: dict[str, object] = {"model": "sim-echo", "messages": [{"role": "user", "content": "chest pain"}]}
    return body if path == CHAT else {**body, "max_tokens": 9} if path == MESSAGES else body


WRONG_VALUES = (
    None,
    7,
    0.5,
    True,
    MARK,
    [],
    [MARK],
    [[MARK]],
    {},
    {f"{MARK} ": MARK},
    [{"type": MARK}],
    {"type": MARK},
)
NOT_JSON = {
    "empty": b"",
    "blank": b"  \n",
    "word": MARK.encode(),
    "number": b"7",
    "string": f'"{MARK}"'.encode(),
    "list": f'[{{"model": "{MARK}"}}]'.encode(),
    "null": b"null",
    "cut": f'{{"model": "{MARK}", "messages": [{{'.encode(),
    "two-documents": f'{{"model": "{MARK}"}}{{"model": "{MARK}"}}'.encode(),
    "tail": f'{{"model": "{MARK}"}} {MARK}'.encode(),
    "comma": f'{{"model": "{MARK}",}}'.encode(),
    "single-quotes": f"{{'model': '{MARK}'}}".encode(),
    "comment": f'{{/* {MARK} */"model": "a"}}'.encode(),
    "nan": f'{{"model": "{MARK}", "temperature": NaN}}'.encode(),
    "infinity": f'{{"model": "{MARK}", "temperature": -Infinity}}'.encode(),
    "hex": f'{{"model": "{MARK}", "n": 0x10}}'.encode(),
    "plus": f'{{"model": "{MARK}", "n": +1}}'.encode(),
    "leading-zero": f'{{"model": "{MARK}", "n": 01}}'.encode(),
    "control": b'{"model": "' + MARK.encode() + b'\x01"}',
    "bom": b"\xef\xbb\xbf" + f'{{"model": "{MARK}"}}'.encode(),
    "utf-16": f'{{"model": "{MARK}"}}'.encode("utf-16"),
    "utf-32": f'{{"model": "{MARK}"}}'.encode("utf-32"),
    "latin-1": f'{{"model": "{MARK}é"}}'.encode("latin-1"),
    "overlong": b'{"model": "' + MARK.encode() + b'\xc0\xaf"}',
    "lone-surrogate": f'{{"model": "{MARK}\\ud800"}}'.encode(),
    "half-escape": f'{{"model": "{MARK}\\u12"}}'.encode(),
    "nul": f'{{"model": "{MARK}"}}\0'.encode(),
    "gzip-unsaid": b"\x1f\x8b\x08\x00" + MARK.encode(),
    "form": f"model={MARK}&messages=x".encode(),
    "xml": f"<model>{MARK}</model>".encode(),
    "huge-number": f'{{"model": "{MARK}", "temperature": 1e999}}'.encode(),
}
DEPTHS = (65, 66, 100, 1000, 1025, 5000, 100_000)


def table() -> Iterator[Bad]:
    for path in (CHAT, MESSAGES, COUNT):
        yield from bodies_of(path)
        yield from headers_of(path)
    yield from lines()


def is_listed(name: str, value: object) -> bool:
    """Whether the value may stand in the field after all."""
    kind = type(value)
    return (
        (name == "max_tokens" and kind in {int, float})
        or (name == "stream" and kind is bool)
        or (name in {"tools", "messages"} and value == [])
    )


def bodies_of(path: str) -> Iterator[Bad]:
    for name, body in NOT_JSON.items():
        yield Bad(name=f"json-{name}", path=path, body=body)
    for depth in DEPTHS:
        for name, start, end in (("lists", "[", "]"), ("objects", '{"a":', "}")):
            deep = start * depth + '"' + MARK + '"' + end * depth
            wrapped = json.dumps(good(path))[:-1] + f', "metadata": {deep}}}'
            yield Bad(name=f"{depth}-{name}", path=path, body=wrapped.encode())
    whole = json.dumps(good(path))
    for name in ("model", "messages"):
        yield Bad(name=f"twice-{name}", path=path, body=f'{{"{name}": "{MARK}", {whole[1:]}'.encode())
    yield Bad(name="twice-escaped", path=path, body=f'{{"\\u006dodel": "{MARK}", {whole[1:]}'.encode())
    yield Bad(name="twice-within", path=path, body=whole.replace('"role"', f'"role": "{MARK}", "role"').encode())
    for name in good(path):
        less = {key: value for key, value in good(path).items() if key != name}
        yield Bad(name=f"without-{name}", path=path, body=json.dumps(less).encode())
        for number, value in enumerate(WRONG_VALUES):
            if not is_listed(name, value):
                yield Bad(name=f"{name}-{number}", path=path, body=json.dumps({**good(path), name: value}).encode())
    for number, value in enumerate(WRONG_VALUES[1:]):
        for name in ("tools", "tool_choice", "stream"):
            if not is_listed(name, value):
                yield Bad(name=f"{name}-as-{number}", path=path, body=json.dumps({**good(path), name: value}).encode())
        if not isinstance(value, str | list) or value:
            for message in ({"role": "user", "content": value}, {"role": value, "content": "chest pain"}):
                if message["content"] != MARK:
                    body = {**good(path), "messages": [message]}
                    yield Bad(name=f"message-{number}", path=path, body=json.dumps(body).encode())
    for name in (
        MARK.upper(),
        f" {MARK}",
        f"{MARK}\n",
        f"é{MARK}",
        f"__{MARK}__",
        "x" * 5000 + MARK,
        "",
        "constructor-" + MARK,
    ):
        yield Bad(name=f"field-{len(name)}", path=path, body=json.dumps({**good(path), name: MARK}).encode())
    yield Bad(name="too-large", path=path, body=body_for(path, "sim-echo", MARK * 400_000))


def headers_of(path: str) -> Iterator[Bad]:
    body = json.dumps(good(path)).encode()
    kinds = (
        "text/plain", "", "application/jsonx", "application/json; charset=utf-16", "application/json; charset=latin-1",
        f"application/json; {MARK}=1", "application/json, application/json", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded", f"{MARK}/json", "application/json; charset=utf-8; charset=utf-8",
    )  # fmt: skip
    for number, kind in enumerate(kinds):
        yield Bad(name=f"type-{number}", path=path, body=body, headers={"content-type": kind})
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", MARK):
        yield Bad(name=f"coding-{coding[:4]}", path=path, body=body, headers={"content-encoding": coding})
    purposes = (MARK, "treat", "TREAT,HPAYMT", "", "T" * 129, "TREAT;x", "TR EAT", "É", "HRESCH")
    for number, purpose in enumerate(purposes):
        yield Bad(name=f"purpose-{number}", path=path, body=body, headers={"wardkeep-purpose": purpose})
    for number, handle in enumerate((f"{MARK} x", "", "a" * 129, f"{MARK}/1", f"{MARK};1", f"ü{MARK}")):
        yield Bad(name=f"subject-{number}", path=path, body=body, headers={"wardkeep-subject": handle})
        yield Bad(name=f"conversation-{number}", path=path, body=body, headers={"wardkeep-conversation": handle})
    yield Bad(name="own-unknown", path=path, body=body, headers={f"wardkeep-{MARK}": "1"})
    keys = (
        "",
        MARK,
        "Bearer",
        f"Basic {MARK}",
        f"Bearer {MARK}",
        "Bearer wk_live_",
        f"Bearer wk_live_{MARK}_{MARK}",
        "é",
    )
    for number, key in enumerate(keys):
        wrong = {"authorization": key} if path == CHAT else {"x-api-key": key.removeprefix("Bearer ")}
        yield Bad(name=f"key-{number}", path=path, body=body, headers=wrong)
    if path != CHAT:
        for number, version in enumerate(("", MARK, "2023-06-01x", "23-06-01")):
            yield Bad(name=f"version-{number}", path=path, body=body, headers={"anthropic-version": version})
        for number, beta in enumerate((MARK, f"prompt-caching-2024-07-31,{MARK}", "files-api-2025-04-14")):
            yield Bad(name=f"beta-{number}", path=path, body=body, headers={"anthropic-beta": beta})
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        yield Bad(name=f"method-{method}", path=path, method=method)
    for suffix in ("/", f"/{MARK}", "//", "%2f", ";x", ".json"):
        yield Bad(name=f"path-{suffix[:2]}", path=path + suffix, body=body)


def lines() -> Iterator[Bad]:
    fields = b"host: @HOST@\r\nauthorization: Bearer @KEY@\r\ncontent-type: application/json\r\n"
    mark = MARK.encode()
    post = b"POST /v1/chat/completions HTTP/1.1\r\n"
    raws = (
        post + fields + b"content-length: 3\r\ncontent-length: 3\r\n\r\n{}x",
        post + fields + b"content-length: -1\r\n\r\n",
        post + fields + b"content-length: 0x3\r\n\r\n{}x",
        post + fields + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        post + fields + b"transfer-encoding: gzip, chunked\r\n\r\n",
        post + fields + b"transfer-encoding: chunked\r\n\r\n" + mark + b"\r\n",
        post + fields + b"content-length: 9999999999\r\n\r\n",
        post + fields + b"x-" + mark + b": a\nb: c\r\n\r\n",
        post + fields + b"x-a: " + mark * 4000 + b"\r\n\r\n",
        post + fields + (b"x-a: " + mark + b"\r\n") * 80 + b"\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: " + mark + b".example.org\r\ncontent-length: 0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        b"POST /" + mark + b"?" + mark + b"=1 HTTP/1.1\r\n" + fields + b"content-length: 0\r\n\r\n",
        b"POST /v1/../" + mark + b" HTTP/1.1\r\n" + fields + b"content-length: 0\r\n\r\n",
        b"POST /v1/%2e%2e/" + mark + b" HTTP/1.1\r\n" + fields + b"content-length: 0\r\n\r\n",
        b"POST http://" + mark + b".example.org/ HTTP/1.1\r\n" + fields + b"content-length: 0\r\n\r\n",
        b"POST /" + mark * 300 + b" HTTP/1.1\r\n" + fields + b"content-length: 0\r\n\r\n",
        b"BREW /v1/chat/completions HTTP/1.1\r\n" + fields + b"\r\n",
        b"POST /v1/chat/completions HTTP/2.0\r\n" + fields + b"\r\n",
        b"POST /v1/chat/completions\r\n" + fields + b"\r\n",
        b"POST  /v1/chat/completions HTTP/1.1\r\n" + fields + b"\r\n",
        b"post /v1/chat/completions HTTP/1.1\r\n" + fields + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + mark,
        post + fields + b"authorization: Bearer " + mark + b"\r\n\r\n",
        post + fields + b"x-api-key: " + mark + b"\r\ncontent-length: 2\r\n\r\n{}",
        post + fields + b"expect: " + mark + b"\r\n\r\n",
        post + fields + b"upgrade: " + mark + b"\r\n\r\n",
        post + fields + b"wardkeep-subject: a\r\nwardkeep-subject: b\r\n\r\n",
    )  # fmt: skip
    for number, raw in enumerate(raws):
        yield Bad(name=f"wire-{number}", path=CHAT if number != 12 else "/", raw=raw)


def test_the_table_is_long_enough():
    assert sum(1 for _ in table()) >= 300


@pytest.mark.parametrize("part", range(4))
async def test_every_bad_call_is_refused_and_the_next_is_served(ward, part):
    calls = list(table())[part::4]
    ward.vendor.reset()
    failures: list[str] = []
    line: Line | None = None
    for bad in calls:
        try:
            line = await try_bad(ward, line, bad)
        except (
            AssertionError,
            KeyError,
            ValueError,
            asyncio.IncompleteReadError,
            TimeoutError,
            ConnectionError,
        ) as error:
            failures.append(f"{bad.path} {bad.name}: {type(error).__name__} {error}"[:160])
            if line is not None:
                line.close()
            line = None
    if line is not None:
        line.close()
    assert not failures, "\n".join(failures)
    received = ward.vendor.seen()
    assert all(MARK.encode() not in each.body for each in received), "a vendor heard of a refused call"
    assert ward.instance.log is not None
    assert MARK not in ward.instance.log.read_text().lower()


# ---- generated -------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(MARK)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | st.just(MARK), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    (
        "messages",
        "model",
        "tools",
        "tool_choice",
        "system",
        "metadata",
        "stop",
        "response_format",
        "stream_options",
        "thinking",
        "user",
        "n",
        "temperature",
        "functions",
        "logit_bias",
        "prediction",
        "wardkeep",
        "max_tokens",
    )
)
BYTES = st.binary(max_size=200) | st.text(max_size=100).map(str.encode)
CALLS = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STRANGE_MORE = settings(CALLS, max_examples=2000, derandomize=False, print_blob=True)


def sent(ward: House, path: str, body: bytes) -> Answer:
    async def once() -> Answer:
        async with line_to(ward.instance.data) as line:
            answer = await line.ask("POST", path, key_headers(ward.api_key, path), body)
            if answer.headers.get("connection") != "close":
                await check_good(ward, line)
            return answer

    return asyncio.run(once())


def check_answer(answer: Answer, path: str) -> None:
    """A strange call may be a good one; what is refused, by us or by the vendor, is refused cleanly."""
    assert answer.status < 500, (answer.status, answer.code)
    if answer.status >= 400:
        assert isinstance(answer.json()["error"]["message"], str)


def strange(body: bytes, tree: object) -> bytes:
    # Floats of Python that JSON does not have are bad input of their own.
    return body.replace(b'"@"', json.dumps(tree).encode(), 1)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@CALLS
@given(name=FIELDS, tree=TREES)
def test_any_value_in_any_field(ward, path, name, tree):
    check_answer(sent(ward, path, strange(json.dumps({**good(path), name: "@"}).encode(), tree)), path)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@CALLS
@given(tree=TREES)
def test_any_content(ward, path, tree):
    body = {**good(path), "messages": [{"role": "user", "content": "@"}]}
    check_answer(sent(ward, path, strange(json.dumps(body).encode(), tree)), path)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@CALLS
@given(junk=BYTES, at_part=st.floats(min_value=0, max_value=1))
def test_any_bytes_anywhere_in_a_body(ward, path, junk, at_part):
    body = json.dumps(good(path)).encode()
    place = int(at_part * len(body))
    check_answer(sent(ward, path, body[:place] + junk + body[place:]), path)


@pytest.mark.slow
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@STRANGE_MORE
@given(field=st.tuples(FIELDS, TREES), junk=BYTES, at_part=st.floats(min_value=0, max_value=1))
def test_many_more_strange_bodies(ward, path, field, junk, at_part):
    name, tree = field
    body = strange(json.dumps({**good(path), name: "@"}).encode(), tree)
    place = int(at_part * len(body))
    check_answer(sent(ward, path, body), path)
    check_answer(sent(ward, path, body[:place] + junk + body[place:]), path)


async def test_a_field_name_is_not_repeated_to_whoever_sent_it(ward):
    """A key of a document is a caller's text too: a patient's name may stand there (DESIGN section 2)."""
    patient = at.draw_patient(random.Random())
    for path in (CHAT, MESSAGES):
        for name in (patient.name, patient.name.lower().replace(" ", "_"), f"mrn_{patient.record}"):
            body = json.dumps({**good(path), name: 1}).encode()
            async with line_to(ward.instance.data) as line:
                answer = await line.ask("POST", path, key_headers(ward.api_key, path), body)
            assert answer.code == "field_unlisted"
            assert name.encode() not in answer.body, "the refusal repeats a field name that a caller made up"
