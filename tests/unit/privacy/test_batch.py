"""One pure function for a corpus: equal in every process, in order, and explicit about what it refuses."""

import multiprocessing
from datetime import date
from functools import partial

import pytest

from wardkeep.privacy.batch import Text, deid_batch
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.policies.policy import shipped
from wardkeep.privacy.reidentify import restore_text

RUN = partial(deid_batch, key=b"k" * 32, today=date(2026, 11, 23))
TEXTS = [
    Text(id=str(n), text=f"Ms. Rosalind Okafor, seen 03/1{n % 9}/2024; Cr 1.7", known=("Okafor",), subject=f"p{n % 2}")
    for n in range(8)
]


def test_batches_agree_in_every_process_and_keep_their_order():
    here = RUN(TEXTS, policy="balanced")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.map(partial(RUN, policy="balanced"), [TEXTS[:4], TEXTS[4:]])
    assert [each for batch in there for each in batch] == here
    assert [each.id for each in here] == [each.id for each in TEXTS]
    assert [restore_text(each.text, each.restore) for each in here] == [each.text for each in TEXTS]


def test_a_pure_function_makes_no_codes_for_released_data():
    (done,) = RUN(TEXTS[:1], policy="safe_harbor")
    assert done.text == "Ms. [NAME], seen 2024; Cr 1.7"


def test_another_key_gives_other_tokens():
    one = RUN(TEXTS[:1], policy="balanced")[0].text
    assert deid_batch(TEXTS[:1], policy="balanced", key=b"x" * 32, today=date(2026, 11, 23))[0].text != one


def test_released_policies_keep_no_way_back():
    done = RUN(TEXTS, policy="safe_harbor")
    assert all(not each.restore for each in done)
    assert all("Okafor" not in each.text and "seen 2024; Cr 1.7" in each.text for each in done)


def test_a_subject_has_one_shift_in_all_of_a_corpus():
    policy = shipped("balanced").amended({"DATE": "shift"})
    same = [Text(id=str(n), text="seen 03/14/2024", subject=subject) for n, subject in enumerate("aab")]
    first, second, _ = (each.text for each in RUN(same, policy=policy))
    assert first == second != "seen 03/14/2024"


def test_a_blocked_text_is_withheld_and_named():
    done = RUN(TEXTS[:1], policy=shipped("balanced").amended({"NAME": "block"}))
    assert (done[0].text, done[0].blocked) == (None, ("NAME",))


def test_what_is_wrong_is_an_error():
    with pytest.raises(PolicyInvalid):
        RUN(TEXTS, policy="lax")
    with pytest.raises(ValueError):
        deid_batch(TEXTS, policy="strict", key=b"short", today=date(2026, 11, 23))


def test_no_repr_shows_content():
    assert "Okafor" not in repr(TEXTS) + repr(RUN(TEXTS, policy="balanced"))
