"""A find in part is grown to the whole, and over nothing else."""

import pytest

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.detect.nomination import Reading
from wardkeep.privacy.detect.whole import whole

NAME, ORG, PLACE, OTHER, MRN, PHONE, DATE, AGE = (
    IdentifierType.NAME,
    IdentifierType.ORGANIZATION,
    IdentifierType.LOCATION,
    IdentifierType.OTHER,
    IdentifierType.MRN,
    IdentifierType.PHONE,
    IdentifierType.DATE,
    IdentifierType.AGE,
)


def grown(marked: str, kind: IdentifierType) -> str:
    """Return what the find between the brackets of a text grows to."""
    before, found, after = marked.replace("]", "[").split("[")
    text = before + found + after
    (span,) = whole(
        Reading(text, strict=False, words=lexicon()), [Span(len(before), len(before) + len(found), kind, "x")]
    )
    assert (span.type, span.rule) == (kind, "x")
    return text[span.start : span.end]


@pytest.mark.parametrize(
    ("marked", "kind", "all_of_it"),
    [
        ("seen by A. [Korff], MD", NAME, "A. Korff"),
        ("per J.R.[Okafor] today", NAME, "J.R.Okafor"),
        ("[GEBREYESUS], Y // bed 11", NAME, "GEBREYESUS, Y"),
        ("label [BOYD], A S\n", NAME, "BOYD, A S"),
        ("From [L.] Pomfret, CMO", NAME, "L. Pomfret"),
        ("with [Tri-Forks Electric] Cooperative, who", ORG, "Tri-Forks Electric Cooperative"),
        ("driver with [Prairie Schooner]\nTransport and", ORG, "Prairie Schooner\nTransport"),
        ("[Rosen]'s Pharmacy closed", ORG, "Rosen's Pharmacy"),
        ("[Clay Co.] Ambulance out", PLACE, "Clay Co. Ambulance"),
        ("Premera PZW [600447128] #", OTHER, "PZW 600447128"),
        ("Pt no. 10-[77-3390], visit", MRN, "10-77-3390"),
        ("alt [555-0178]-44 ..", PHONE, "555-0178-44"),
        ("Hydrodilatation 9/[30] at", DATE, "9/30"),
        ("seen [9]/30.", DATE, "9/30"),
    ],
)
def test_the_rest_of_an_identifier_is_taken_along(marked, kind, all_of_it):
    assert grown(marked, kind) == all_of_it


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("[Bronte Aulavemai], SP, Casey", NAME),
        ("[Saoirse Devane-Kaur], MD", NAME),
        ("[Boyd] A 1 plan", NAME),
        ("[Boyd], I saw him", NAME),
        ("[Baker] Cyst", ORG),
        ("[Valley] Fever", PLACE),
        ("MRN [600447128]", MRN),
        ("ICD [600447128]", OTHER),
        ("seen 12-[3]-441902", DATE),
        ("[9]/441902", DATE),
        ("id 7/9/[30]", DATE),
        ("a 12-[96] range", AGE),
        ("tel [555-0178]-home", PHONE),
    ],
)
def test_what_stands_beside_it_is_left(marked, kind):
    assert grown(marked, kind) == marked.split("[")[1].split("]")[0]


def test_a_facility_is_an_organisation_and_no_town():
    reading = Reading("at Lakeview Hospital", strict=False, words={})
    assert [s.type for s in whole(Reading("in Lakeview.", strict=False, words={}), [Span(3, 11, PLACE, "x")])] == [
        PLACE
    ]
    assert [s.type for s in whole(reading, [Span(3, 20, PLACE, "x")])] == [ORG]


def test_hostile_text_costs_no_more_than_its_finds():
    text = "A." * 50_000 + "9-" * 50_000
    spans = [Span(at, at + 1, NAME if at % 4 else OTHER, "x") for at in range(0, len(text), 2)]
    assert len(list(whole(Reading(text, strict=False, words={}), spans))) == len(spans)
