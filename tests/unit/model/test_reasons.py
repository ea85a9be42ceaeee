"""The vocabulary of refusals: whole, stable, and without room for what a caller sent."""

import re

import pytest

from wardkeep.model.reasons import EXPLANATIONS, Reason, RefusalError, Refused


def test_every_reason_is_explained_and_nothing_else() -> None:
    assert set(EXPLANATIONS) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason), ids=[reason.value for reason in Reason])
def test_an_explanation_says_what_why_and_how_to_mend_it(reason: Reason) -> None:
    row = EXPLANATIONS[reason]
    assert 400 <= row.status <= 599
    for sentence in (row.what, row.why, row.fix):
        assert sentence.endswith((".", ")"))
        # nothing is filled in: neither a placeholder nor a format mark
        assert not re.search(r"%[sd]|\{[a-z_]*\}", sentence)
    assert re.fullmatch(r"[a-z][a-z0-9_]+", reason.value)


def test_a_retried_status_is_a_passing_trouble() -> None:
    # SDKs retry 408, 409, 429 and 5xx by themselves; a decision must not be one of these
    decisions = {
        r for r in Reason if r.value.startswith(("baa_", "scope_", "purpose_", "field_", "credential_", "json_"))
    }
    assert all(EXPLANATIONS[r].status in {400, 401, 403} for r in decisions)


def test_the_error_carries_the_refusal_and_prints_the_code_only() -> None:
    refused = Refused(reason=Reason.FIELD_UNLISTED, field="frobnicate")
    error = RefusalError(refused)
    assert error.refused is refused
    assert str(error) == "field_unlisted"
    assert refused.explanation is EXPLANATIONS[Reason.FIELD_UNLISTED]
