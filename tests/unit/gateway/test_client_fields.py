"""What coding agents send besides a call: left out with a record, read as any tool, or listed byte for byte."""

from dataclasses import replace

import pytest
from tests.unit.gateway.test_safe import KEY, permitted, sent

from wardkeep.gateway.answers import restore_answer
from wardkeep.gateway.safe import make_safe
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.stages import Safe
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.reviewed import is_reviewed, reviewed_hashes

# One of the listed texts: an example of numbers that reads as a date.
LISTED = "User-facing label (1-5 words)."


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector("balanced")


def responses(**more: object) -> dict:
    return {"model": "m", "input": "hello there", "store": False, **more}


def tool(description: str) -> dict:
    return {"type": "function", "name": "ask", "description": description, "parameters": {"type": "object"}}


def namespace(*tools: dict) -> dict:
    return {"type": "namespace", "name": "agents", "description": "Other agents.", "tools": list(tools)}


def made(detector: Detector, body: dict, **stated: object) -> Safe | Refused:
    surface = Surface.ANTHROPIC_MESSAGES if "messages" in body else Surface.OPENAI_RESPONSES
    return make_safe(replace(permitted(body, surface, **stated), keeps=frozenset()), detector, KEY)


def test_what_a_client_says_of_itself_is_not_read_not_sent_and_named_in_the_record(detector):
    safe = made(detector, responses(client_metadata={"installation": "SSN 524-71-3345", "deep": [{"x": 1}]}))
    assert isinstance(safe, Safe)
    assert sent(safe) == b'{"model":"m","input":"hello there","store":false}'
    assert safe.dropped == ("client_metadata",)
    assert not safe.restore


def test_a_beta_that_only_names_the_client_is_left_out_and_the_others_are_held_against_the_terms(detector):
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    safe = made(detector, body, betas=("claude-code-20250219", "effort-2025-11-24"))
    assert isinstance(safe, Safe)
    assert safe.betas == ("effort-2025-11-24",)
    assert safe.dropped == ("beta.claude-code-20250219",)
    assert safe.traits == frozenset({"beta.effort-2025-11-24"})


def test_tools_in_a_namespace_are_read_as_any_other(detector):
    good = responses(tools=[namespace(tool("Ask another agent."))])
    safe = made(detector, good)
    assert isinstance(safe, Safe)
    assert "tools" in safe.features
    bad = responses(tools=[namespace(tool("Ask about SSN 524-71-3345."))])
    assert made(detector, bad) == Refused(reason=Reason.SCHEMA_IDENTIFIES)
    call = {"type": "function_call", "call_id": "c1", "name": "ask", "namespace": "agents", "arguments": "{}"}
    assert isinstance(made(detector, responses(input=[call])), Safe)


@pytest.mark.parametrize(
    "inner", [{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []}, {"type": "tool_search"}]
)
def test_a_tool_that_the_vendor_runs_is_no_better_for_standing_in_a_namespace(detector, inner):
    refused = made(detector, responses(tools=[namespace(inner)]))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FEATURE_DENIED


def test_a_tool_that_is_found_by_the_vendors_search_is_refused_by_name(detector):
    refused = made(detector, responses(tools=[namespace({**tool("x"), "defer_loading": True})]))
    assert refused == Refused(reason=Reason.FIELD_UNLISTED, field="tools[0].tools[0].defer_loading")


def test_a_listed_definition_passes_and_one_letter_more_is_scanned(detector):
    assert is_reviewed(LISTED)
    assert isinstance(made(detector, responses(tools=[tool(LISTED)])), Safe)
    other = f"{LISTED} "
    assert not is_reviewed(other)
    assert made(detector, responses(tools=[tool(other)])) == Refused(reason=Reason.SCHEMA_IDENTIFIES)


def test_a_listed_text_is_scanned_where_it_is_no_definition(detector):
    safe = made(detector, responses(input=LISTED))
    assert isinstance(safe, Safe)
    assert safe.restore


def test_the_list_holds_both_clients():
    assert len(reviewed_hashes()) > 200


def test_an_answer_that_repeats_a_schema_with_several_types_is_restored(detector):
    schema = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}}
    answer = parse(
        b'{"tools":[{"parameters":%s}],"text":"[NAME-k7f3q9x2] came"}' % repr(schema).replace("'", '"').encode()
    )
    assert b"Okafor came" in restore_answer(answer, {"[NAME-k7f3q9x2]": "Okafor"}, KEY)
