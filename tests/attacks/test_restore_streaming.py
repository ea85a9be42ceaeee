"""A value split over chunks slips through, or comes back torn (DESIGN section 10)."""

import json
from itertools import pairwise

import pytest

from wardkeep.privacy.reidentify import StreamRestorer, restore_json_bytes, restore_text

RESTORE = {
    "[NAME-k7f3q9x2]": 'Zoë "Zo" O\'Neill\\',
    "[NAME-k7f3q9x2.b]": "Zo",
    "[HEALTH_PLAN-b4b4b4b4]": "H-1",
    "[DATE-zzzz2222]": "14\nMarch",
}
TEXTS = [
    "[NAME-k7f3q9x2] and [NAME-k7f3q9x2.b]; [DATE-zzzz2222]",
    "[[NAME-k7f3q9x2]] [NAME-[NAME-k7f3q9x2.b]] [NAME-k7f3q9x2",
    "list[0] [Note] [NAME-unknown0] [name-K7F3Q9X2.B] [NAME-k7f3q9x2.c] tail[",
    "no token at all, a [link](x) and é\U0001f600[HEALTH_PLAN-b4b4b4b4]\U0001f600",
]


def streamed(text: str, cuts: list[int], depth: int) -> str:
    restorer = StreamRestorer(RESTORE, depth)
    edges = [0, *cuts, len(text)]
    return "".join(restorer.feed(text[a:b]) for a, b in pairwise(edges)) + restorer.finish()


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_any_cut_gives_the_same_text(number, depth):
    text = TEXTS[number]
    whole = streamed(text, [], depth)
    if depth == 0:
        assert whole == restore_text(text, RESTORE)
    for cut in range(1, len(text)):
        assert streamed(text, [cut], depth) == whole
    assert streamed(text, list(range(1, len(text))), depth) == whole
    for size in (2, 3, 5, 17):
        assert streamed(text, list(range(size, len(text), size)), depth) == whole


def test_no_more_than_a_token_prefix_is_held_back():
    restorer = StreamRestorer(RESTORE)
    assert restorer.feed("seen [") == "seen "
    assert restorer.feed("Note] by [NAME-k7") == "[Note] by "
    assert restorer.feed("f3q9x2]") == RESTORE["[NAME-k7f3q9x2]"]
    assert restorer.feed("[NAME-zz") == "[NAME-zz"
    assert restorer.finish() == ""


def test_streamed_arguments_stay_json():
    arguments = json.dumps({"who": "[NAME-k7f3q9x2]", "when": ["[DATE-zzzz2222]"]})
    for size in (1, 2, 7, 100):
        out = json.loads(streamed(arguments, list(range(size, len(arguments), size)), 1))
        assert out == {"who": RESTORE["[NAME-k7f3q9x2]"], "when": [RESTORE["[DATE-zzzz2222]"]]}


def test_a_whole_body_is_restored_at_the_right_depth():
    arguments = json.dumps({"who": "[NAME-k7f3q9x2]", "deep": json.dumps({"w": "[DATE-zzzz2222]"})})
    body = json.dumps(
        {"choices": [{"text": 'say "[NAME-k7f3q9x2]"', "arguments": arguments, "n": [1, 2]}]}, ensure_ascii=False
    )
    out = json.loads(restore_json_bytes(body.encode(), RESTORE))["choices"][0]
    assert out["text"] == f'say "{RESTORE["[NAME-k7f3q9x2]"]}"'
    inner = json.loads(out["arguments"])
    assert inner["who"] == RESTORE["[NAME-k7f3q9x2]"]
    assert json.loads(inner["deep"]) == {"w": RESTORE["[DATE-zzzz2222]"]}


def test_a_body_without_our_tokens_keeps_its_bytes():
    body = b'{"a" : "\\u00e9 [1] [NAME-bcdfghjk]", "b":[ ]}'
    assert restore_json_bytes(body, RESTORE) == body
    assert restore_json_bytes(body, {}) is body
