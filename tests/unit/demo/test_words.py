"""What the simulated model says: only words that the prompt held."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.demo.sim_words import TOKEN, Prompt, Tool, compose, pieces

NOTE = "Please review [NAME-k7f3q9x2], also called [NAME-k7f3q9x2.b], record [MRN-22222222]."


def prompt(model="sim-echo", text=NOTE, **changes):
    values = {
        "model": model,
        "user_text": text,
        "tool_result": None,
        "tools": (),
        "tool_choice": "auto",
        "json_schema": None,
        "message_count": 1,
        "input_tokens": 10,
        "stream": False,
    }
    return Prompt(**(values | changes))


def answer(asked, **changes):
    values = {"reply": None, "events": 5, "calls": 1, "ascii_arguments": False}
    return compose(asked, **(values | changes))


def tool(**properties):
    return Tool(name="look_up", schema={"type": "object", "properties": properties})


def test_echo_quotes_every_token_and_the_whole_message():
    text = answer(prompt()).text
    assert NOTE in text
    assert "Concerning [NAME-k7f3q9x2], [NAME-k7f3q9x2.b], [MRN-22222222]." in text


def test_a_message_without_tokens_is_quoted_as_it_is():
    assert answer(prompt(text="pulse 72\nregular")).text == "Clinical summary. Note: pulse 72\nregular"


def test_a_very_long_message_is_cut_between_words():
    text = "[NAME-k7f3q9x2] " * 1000
    quoted = answer(prompt(text=text)).text.partition("Note: ")[2]
    assert len(quoted) < 4001
    assert set(quoted.split()) == {"[NAME-k7f3q9x2]"}


def test_a_fixed_reply_replaces_the_text():
    assert answer(prompt(), reply="fixed").text == "fixed"


def test_labelled_values_fill_the_arguments_of_the_same_name():
    asked = prompt("sim-tools", "patient: [NAME-aaaaaaaa]; ward = 7 East\nward: 8", tools=(tool(patient={}, ward={}),))
    (call,) = answer(asked).calls
    assert json.loads(call.arguments) == {"patient": "[NAME-aaaaaaaa]", "ward": "7 East"}


def test_tokens_fill_the_other_arguments_in_turn():
    strings = {"type": "string"}
    asked = prompt("sim-tools", "see [NAME-a1] and [MRN-b2]", tools=(tool(one=strings, two=strings, three=strings),))
    (call,) = answer(asked).calls
    assert list(json.loads(call.arguments).values()) == ["[NAME-a1]", "[MRN-b2]", "[NAME-a1]"]


def test_without_tokens_an_argument_is_the_message():
    (call,) = answer(prompt("sim-tools", "check the pulse", tools=(tool(note={"type": "string"}),))).calls
    assert json.loads(call.arguments) == {"note": "check the pulse"}


def test_every_schema_form_that_vendors_accept_is_filled():
    schema = {
        "$defs": {"dose": {"type": "object", "properties": {"mg": {"type": "number"}}}},
        "type": "object",
        "properties": {
            "dose": {"$ref": "#/$defs/dose"},
            "count": {"type": "integer"},
            "kind": {"enum": ["tablet", "syrup"]},
            "version": {"const": 3},
            "fasting": {"type": "boolean"},
            "ended": {"type": "null"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "nullable": {"type": ["null", "string"]},
            "lines": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }
    made = json.loads(answer(prompt("sim-json", "mg: 12.5; count: 3; note", json_schema=schema)).text)
    text = "mg: 12.5; count: 3; note"
    assert made == {
        "dose": {"mg": 12.5},
        "count": 3,
        "kind": "tablet",
        "version": 3,
        "fasting": True,
        "ended": None,
        "maybe": text,
        "nullable": text,
        "lines": [text, text],
    }


def test_a_schema_that_refers_to_itself_ends():
    schema = {"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    made = answer(prompt("sim-json", json_schema=schema | {"$ref": "#/$defs/node"})).text
    assert made.startswith('{"next":{"next":')
    assert made.endswith("null" + "}" * made.count("{"))


def test_json_without_a_schema_has_summary_tokens_and_words():
    made = json.loads(answer(prompt("sim-json")).text)
    assert made["tokens"] == TOKEN.findall(NOTE)
    assert made["words"] == NOTE.split()
    assert NOTE in made["summary"]


def test_non_ascii_is_escaped_only_when_asked():
    asked = prompt("sim-tools", "café", tools=(tool(note={}),))
    assert answer(asked).calls[0].arguments == '{"note":"café"}'
    assert answer(asked, ascii_arguments=True).calls[0].arguments == '{"note": "caf\\u00e9"}'


def test_a_tool_result_is_answered_with_its_text():
    asked = prompt("sim-tools", tools=(tool(),), tool_result="found [MRN-9]")
    assert answer(asked).text == "The tool returned: found [MRN-9]"


def test_a_tool_that_must_be_called_after_the_result_is_the_last_one():
    tools = (tool(), Tool(name="final", schema={"type": "object"}))
    asked = prompt("sim-tools", tools=tools, tool_result="x", tool_choice="required")
    assert [call.name for call in answer(asked).calls] == ["final"]


@pytest.mark.parametrize(
    ("choice", "names"), [("none", []), ("final", ["final"]), ("auto", ["look_up"]), ("required", ["look_up"])]
)
def test_tool_choice_is_obeyed(choice, names):
    tools = (tool(), Tool(name="final", schema={"type": "object"}))
    assert [call.name for call in answer(prompt("sim-tools", tools=tools, tool_choice=choice)).calls] == names


def test_parallel_calls_go_round_the_tools():
    tools = (tool(), Tool(name="final", schema={}))
    made = answer(prompt("sim-tools", tools=tools), calls=3)
    assert [call.name for call in made.calls] == ["look_up", "final", "look_up"]


def test_thinking_comes_with_text_or_with_calls():
    assert answer(prompt("sim-think")).text is not None
    with_calls = answer(prompt("sim-think-tools", tools=(tool(),)))
    assert NOTE in with_calls.thinking
    assert with_calls.text is None
    assert len(with_calls.calls) == 1


def test_long_and_count_follow_their_settings():
    assert answer(prompt("sim-long", "a b"), events=5).text == "a b a b a "
    counted = answer(prompt("sim-count", tools=(tool(),), message_count=4)).text
    assert counted == f"messages=4 characters={len(NOTE)} tokens=3 tools=1"


@given(st.text(), st.integers(min_value=0, max_value=9), st.integers())
def test_pieces_join_to_the_same_text(text, size, seed):
    made = list(pieces(text, size, random.Random(seed)))
    assert "".join(made) == text
    assert all(0 < len(piece) <= (size or 7) for piece in made)
