"""Nothing unread passes: each scalar of an accepted body is a leaf, embedded JSON, or a word that the grammar lists."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.model.wire.samples import ANTHROPIC, ANYTHING, OPENAI, bent, paths, without

from wardkeep.model.document import Document, parse, scalars
from wardkeep.model.reasons import RefusalError
from wardkeep.model.wire import anthropic_messages, openai_chat
from wardkeep.model.wire.grammar import Only, Record, Thinking, Words, read

COUNT = {
    k: v
    for k, v in ANTHROPIC.items()
    if k
    not in {
        "max_tokens",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "service_tier",
        "inference_geo",
        "speed",
    }
}
GRAMMARS: dict[str, tuple[Record, dict[str, Any]]] = {
    "chat": (openai_chat.REQUEST, OPENAI),
    "messages": (anthropic_messages.REQUEST, ANTHROPIC),
    "count_tokens": (anthropic_messages.COUNT_TOKENS, COUNT),
}
everywhere = pytest.mark.parametrize("name", sorted(GRAMMARS))


def vocabulary(node: object, seen: set[int], found: set[object]) -> set[object]:
    """Collect every name and word that a grammar lists."""
    if id(node) in seen:
        return found
    seen.add(id(node))
    if isinstance(node, Words):
        found |= node.allowed
    elif isinstance(node, Only):
        found |= {v for value in node.values for v in scalars(value)}
    elif isinstance(node, Thinking):
        found |= {"type", node.text_field, node.signature_field, "thinking", "redacted_thinking"}
    if isinstance(node, Mapping):
        for key, item in node.items():
            found.add(key)
            vocabulary(item, seen, found)
    elif is_dataclass(node):
        for part in fields(node):
            vocabulary(getattr(node, part.name), seen, found)
    return found


VOCABULARY = {
    name: vocabulary(grammar, set(), set()) | {"subject_identities"} for name, (grammar, _) in GRAMMARS.items()
}
FIELD = re.compile(r"\(a name not shown\)|[a-z][a-z0-9_]{0,40}")


def check(name: str, document: Document) -> bool:
    """Read, and account for every scalar. Return whether the body was accepted."""
    grammar, _ = GRAMMARS[name]
    try:
        reading = read(document, grammar)
    except RefusalError as error:
        path = error.refused.field
        if path is not None:
            for step in re.sub(r"\[\d+\]", "", path).split("."):
                assert FIELD.fullmatch(step) or step == "", path
        return False
    values = list(scalars(document.value))
    assert reading.ordinal == document.scalars == len(values)
    ordinals = [ordinal for ordinal, _ in reading.leaves]
    assert ordinals == sorted(set(ordinals))
    for ordinal, leaf in reading.leaves:
        value = values[ordinal]
        assert leaf.text == (value if isinstance(value, str) else document.spelled({ordinal})[ordinal])
    for ordinal, embedded in reading.embedded:
        assert embedded.document.raw.decode() == values[ordinal]
        inner = list(scalars(embedded.document.value))
        assert [o for o, _ in embedded.leaves] == list(range(len(inner)))
        spelled = embedded.document.spelled(range(len(inner)))
        written = [value if isinstance(value, str) else spelled[at] for at, value in enumerate(inner)]
        assert [leaf.text for _, leaf in embedded.leaves] == written
    read_ones = set(ordinals) | {ordinal for ordinal, _ in reading.embedded}
    vouched = {text for block in reading.thinking for text in (block.text, block.signature)}
    own = document.value.get("wardkeep")
    terms = set(own.get("subject_identities", ())) if isinstance(own, dict) else set()
    for ordinal, value in enumerate(values):
        if ordinal not in read_ones and isinstance(value, str):
            assert value in VOCABULARY[name] or value in vouched or value in terms
    for block in reading.thinking:
        assert values[block.signature_ordinal] == block.signature
    return True


def document_of(body: object) -> Document:
    return parse(orjson.dumps(body))


@everywhere
def test_a_body_with_every_listed_field_is_accepted(name: str) -> None:
    grammar, body = GRAMMARS[name]
    assert check(name, document_of(body))
    listed = set(grammar.fields)
    # every listed field is in the sample, but those that stand for another spelling
    assert listed - set(body) <= {"output_format"}


@everywhere
def test_every_value_in_every_place_is_read_or_refused(name: str) -> None:
    _, body = GRAMMARS[name]
    values = (
        None,
        True,
        7,
        1.5,
        "text",
        "",
        [],
        {},
        ["text"],
        {"type": "text"},
        {"type": "text", "text": "x"},
        [[]],
        [{}],
    )
    accepted = sum(check(name, document_of(bent(body, at, value))) for at in paths(body) for value in values)
    assert accepted > len(paths(body))


@everywhere
def test_a_member_more_in_any_listed_object_is_refused_unless_everything_there_is_read(name: str) -> None:
    _, body = GRAMMARS[name]
    for at in [(), *paths(body)]:
        value: Any = body
        for step in at:
            value = value[step]
        if isinstance(value, dict):
            document = document_of(bent(body, at, {"unheard": ["of"]}, key="frobnicate"))
            is_free = "metadata" in at or {
                "schema",
                "parameters",
                "input_schema",
                "input_examples",
                "input",
                "format",
                "logit_bias",
            } & set(at)
            if not check(name, document):
                continue
            assert is_free


@everywhere
def test_any_part_may_be_missing_without_a_crash(name: str) -> None:
    _, body = GRAMMARS[name]
    for at in paths(body):
        check(name, document_of(without(body, at)))


@everywhere
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bodies_bent_in_several_places_are_read_or_refused(name: str, data: st.DataObject) -> None:
    _, body = GRAMMARS[name]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from(paths(body)))
        body = bent(body, at, data.draw(ANYTHING)) if data.draw(st.booleans()) else without(body, at)
        if not body:
            break
    check(name, document_of(body))


@everywhere
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_object_at_all_is_read_or_refused(name: str, data: st.DataObject) -> None:
    names = sorted(key for key in VOCABULARY[name] if isinstance(key, str))
    required = {"model": "m", "messages": [], "max_tokens": 1} if data.draw(st.booleans()) else {}
    body = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=5), ANYTHING, max_size=5))
    check(name, document_of({**body, **required}))
