"""A policy applied: each class gets its action, in every mode; what a reader needs stays."""

from datetime import date

import pytest

from wardkeep.model.spans import IdentifierType, Leaf, LeafKind, Span
from wardkeep.privacy.codes import Codes
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.policies.policy import Action, shipped
from wardkeep.privacy.reidentify import restore_text
from wardkeep.privacy.surrogates import Surrogates
from wardkeep.privacy.tokens import TOKEN
from wardkeep.privacy.treatment import Treatment, treat

TODAY = date(2026, 11, 23)
NOTE = (
    "Patient: Rosalind Okafor, DOB: 03/14/1931, MRN: 48291376. Lives at 12 Elm Street, Boston, MA 02115.\n"
    "Her wife, Philippa Montague, works at Pemberton Widgets Inc. Seen by Dr. Alan Whitfield at Mercy General Hospital"
    " on March 14, 2024.\nPhone 415-555-0132, email r.okafor@mailbox.example.org, SSN 219-09-9999.\n"
)
# What a clinician reads, none of which identifies anybody.
CLINICAL = (
    "Cr 1.7, K 4.9, INR 2.1, BP 120/80, strength 5/5, SpO2 98%. Foley in place. Parkinson disease, Baker cyst, March"
    " fracture. Metformin 500 mg PO BID x 10 days. Will follow up in 2 weeks. T2N0M0, Gleason 3+4."
)


@pytest.fixture(scope="module")
def treated(strict, balanced):
    def run(name, *texts, changes=None, expert=False, days=None, known=(), keep=frozenset(), given=()):
        policy = shipped(name).amended(changes or {}, expert=expert)
        treatment = Treatment(
            policy=policy,
            detector=strict if policy.detector == "strict" else balanced,
            assigner=Surrogates(b"k" * 32) if policy.mode == "interactive" else Codes(),
            today=TODAY,
            days=days,
        )
        leaves = [Leaf(text, None, LeafKind.TEXT) for text in texts]
        out = treat(leaves, treatment, known=known, keep=keep, given=given)
        return out, [text if new is None else new for text, new in zip(texts, out.texts, strict=True)]

    return run


def test_safe_harbor_leaves_the_year_the_state_and_three_digits(treated):
    out, (text,) = treated("safe_harbor", NOTE)
    for secret in (
        "Okafor",
        "1931",
        "48291376",
        "Elm",
        "Boston",
        "02115",
        "Montague",
        "Pemberton",
        "Whitfield",
        "Mercy",
    ):
        assert secret not in text
    for secret in ("March", "0132", "mailbox", "9999"):
        assert secret not in text
    assert "MA 021" in text
    assert "on 2024" in text
    assert out.restore == {}
    assert out.shift is None


def test_every_count_names_the_class_and_what_was_done(treated):
    out, _ = treated("safe_harbor", NOTE)
    assert out.counts["RELATIVE", Action.SURROGATE] == 1
    assert out.counts["PROVIDER", Action.SURROGATE] == 1
    assert out.counts["EMPLOYER", Action.MASK] == 1
    assert out.counts["FACILITY", Action.MASK] == 1
    assert out.counts["SSN", Action.MASK] == 1


def test_a_limited_data_set_keeps_dates_town_and_zip_code_and_nothing_of_the_sixteen(treated):
    _, (text,) = treated("limited_data_set", NOTE)
    for kept in ("03/14/1931", "Boston, MA 02115", "March 14, 2024"):
        assert kept in text
    for secret in ("Okafor", "48291376", "Elm", "Montague", "Pemberton", "0132", "mailbox", "9999"):
        assert secret not in text


@pytest.mark.parametrize("name", ["safe_harbor", "limited_data_set", "balanced"])
def test_what_a_clinician_reads_is_left_as_it_is(treated, name):
    _, (text,) = treated(name, CLINICAL)
    assert text == CLINICAL


def test_interactive_policies_restore_exactly_and_released_ones_never(treated):
    for name in ("strict", "balanced"):
        out, (text,) = treated(name, NOTE)
        assert restore_text(text, out.restore) == NOTE
    out, (text,) = treated("safe_harbor", NOTE)
    assert TOKEN.search(text)
    assert restore_text(text, out.restore) == text


def test_codes_of_two_runs_have_nothing_in_common_and_one_run_is_consistent(treated):
    runs = [treated("safe_harbor", NOTE, "Rosalind Okafor is well. Okafor agreed.")[1] for _ in range(2)]
    first, second = (set(TOKEN.findall(" ".join(texts))) for texts in runs)
    assert first.isdisjoint(second)
    whole = TOKEN.search(runs[0][1])[0]
    assert runs[0][0].startswith(f"Patient: {whole},")
    assert TOKEN.findall(runs[0][1]) == [whole, whole]


def test_clinicians_may_be_kept_but_not_one_who_shares_the_patients_name(treated):
    changes = {"PROVIDER": "allow", "FACILITY": "allow"}
    _, (text,) = treated("safe_harbor", NOTE, changes=changes)
    assert "Dr. Alan Whitfield at Mercy General Hospital" in text
    _, (text,) = treated("safe_harbor", NOTE + "Dr. Samuel Okafor was told.", changes=changes)
    assert "Samuel" not in text
    _, (text,) = treated("safe_harbor", "Seen by Dr. Samuel Okafor.", changes=changes, known=["Rosalind Okafor"])
    assert "Samuel" not in text


def test_household_members_are_told_from_the_patient(treated):
    out, _ = treated("strict", "His roommate, Theodore Lindqvist, called.")
    assert out.counts == {("HOUSEHOLD", Action.SURROGATE): 1}


def test_a_blocked_class_refuses_and_is_named(treated):
    out, _ = treated("balanced", NOTE, changes={"SSN": "block"})
    assert out.blocked == ("SSN",)
    assert treated("balanced", CLINICAL, changes={"SSN": "block"})[0].blocked == ()


def test_masks_in_a_row_are_one(treated):
    given = [Span(0, 5, IdentifierType.SSN, "t")]
    _, (text,) = treated("safe_harbor", "12345", given=given)
    assert text == "[SSN]"


def test_what_a_place_says_counts_whatever_the_detector_thinks(treated):
    out, (text,) = treated("safe_harbor", "zebra", given=[Span(0, 5, IdentifierType.MRN, "fhir")])
    assert "zebra" not in text
    assert out.types == {IdentifierType.MRN: 1}


def test_types_that_a_route_keeps_stay(treated):
    _, (text,) = treated("balanced", NOTE, keep=frozenset({IdentifierType.DATE, IdentifierType.AGE}))
    assert "March 14, 2024" in text
    assert "Okafor" not in text


def test_a_shift_without_days_is_an_error(treated):
    with pytest.raises(PolicyInvalid):
        treated("balanced", NOTE, changes={"DATE": "shift"})


def test_dates_are_shifted_in_their_own_form_and_intervals_stay(treated):
    text = "Admitted 03/14/2024, discharged 2024-03-17T10:20:00Z; born 4 May 1980; seen March 4th, 2024 and in March."
    out, (shown,) = treated("balanced", text, changes={"DATE": "shift"}, days=-70)
    assert "Admitted 01/04/2024, discharged 2024-01-07T10:20:00Z; born 24 February 1980" in shown
    assert "December 25th, 2023" in shown
    assert "in March" not in shown or "[DATE-" not in shown
    assert restore_text(out.shift.back(shown), out.restore) == text


def test_released_shifts_keep_no_half_date_and_no_way_back(treated):
    text = "Admitted 03/14/2024, again on 3/20."
    out, (shown,) = treated("safe_harbor", text, changes={"DATE": "shift"}, expert=True, days=35)
    assert shown == "Admitted 04/18/2024, again on [DATE]."
    assert out.restore == {}


def test_no_repr_shows_what_was_found(treated):
    out, _ = treated("balanced", NOTE, changes={"DATE": "shift"}, days=-70)
    assert "Okafor" not in repr(out)
    assert "-70" not in repr(out)
    assert "2024" not in repr(out.shift)
