"""What the classifier finds and the text shows to be harmless; and what only looks so, which must stay found."""

import pytest

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.classify.classifier import CLASSIFIED, _is_like_a_date, _span
from wardkeep.privacy.classify.network import CLASSES
from wardkeep.privacy.detect.harmless import is_harmless
from wardkeep.privacy.detect.lexicon import lexicon
from wardkeep.privacy.detect.nomination import Reading

NAME, ORG, PLACE, OTHER, DATE, AGE = (
    IdentifierType.NAME,
    IdentifierType.ORGANIZATION,
    IdentifierType.LOCATION,
    IdentifierType.OTHER,
    IdentifierType.DATE,
    IdentifierType.AGE,
)


def is_dropped(marked: str, kind: IdentifierType) -> bool:
    """Whether the find between the brackets of a text is dropped."""
    before, found, after = marked.replace("]", "[").split("[")
    reading = Reading(before + found + after, strict=False, words=lexicon())
    return is_harmless(reading, Span(len(before), len(before) + len(found), kind, CLASSIFIED))


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("MA [021]", OTHER),
        ("[MA 021]", PLACE),
        ("[MA 021 MA] 021", PLACE),
        ("MRN: x\n[2024]\n90+", OTHER),
        ("[MA 021 021 90]+", OTHER),
        ("enrolled in CREDENCE-[301] last year", OTHER),
        ("core measure [SEP-1] fallout", OTHER),
        ("ICD-10: [4829137]", OTHER),
        ("CPT [99214]", OTHER),
        ("platelets [250000] today", OTHER),
        ("heparin [5000] units given", OTHER),
        ("viral load [48200] copies/mL", OTHER),
        ("[4829137] ng/L", OTHER),
        ("[May] we call her?", NAME),
        ("Note: [May] we call her?", OTHER),
        ("[Will] you follow up?", NAME),
        ("[Baker] cyst on the left", NAME),
        ("State: [MA]", NAME),
        ("take [p.o., b.i.d]. please", NAME),
        ("on the scale [1 2 3 4 5]", OTHER),
        ("run git show [9f86d081884c7d659a2feaa0c55ad015]", OTHER),
        ("reverted in commit [9f86d08]", OTHER),
        ("called at [16:20]", DATE),
        ("worked [2021-22] under", DATE),
        ("4/03 [10]:12 called", DATE),
        ("weight [98].2", DATE),
        ("Next: 10/06 [4] pm", DATE),
        ("Vision [20/25]", DATE),
        ("BP [118/72]", DATE),
        ("oxycodone [5]/325", DATE),
        ("[10]/12 capsules left", DATE),
        ("on day [3/7].", DATE),
        ("his sons Liban ([16])", AGE),
        ("Finkelman, [89], hard of hearing", AGE),
    ],
)
def test_what_no_person_is_known_by_is_dropped(marked, kind):
    assert is_dropped(marked, kind)


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("ROP check was due [29/8]", DATE),
        ("signed 12/17/2025 [16:20]", DATE),
        ("on Nov 14 [at 0915]", DATE),
        ("seen on [12/31]", DATE),
        ("signed [P.R.]", NAME),
        ("code [2 4 1 1 9]", OTHER),
        ("seen 6/27, 8 and [10] Aug", DATE),
        ("the [9]", DATE),
        ("DOB [7/55]", DATE),
        ("stroke [12/00]", DATE),
        ("MI [2/94]", DATE),
        ("appendectomy [11/67]", DATE),
        ("last seen [1225]", DATE),
        ("since [2021-05]", DATE),
        ("since [2024/05]", DATE),
        ("at the [5/12] visit", DATE),
        ("visit [5/12]", DATE),
        ("on:[14]", DATE),
        ("on [14].3.2025", DATE),
        ("the boys on 6/27, [28], 30", DATE),
        ("Orpha, wife, [96]", AGE),
        ("[ninety-two]", AGE),
        ("lives at [14 Alder Court, Quincy MA 021]", PLACE),
        ("seen in [Fort Calloway AB 123]", PLACE),
        ("[MA 021 0213]", OTHER),
        ("MRN: [2024]\n", OTHER),
        ("MRN-[4821]", OTHER),
        ("[MRN-4821]", OTHER),
        ("ACC-[1234]", OTHER),
        ("[Bertil Oyelaran CREDENCE-301]", OTHER),
        ("ICD [4829137] interrogated", OTHER),
        ("[4829137] Ngozi", OTHER),
        ("[48291] Unit 2B", OTHER),
        ("[48291] unit #7", OTHER),
        ("account [4829137]", OTHER),
        ("Edna [4829137]", OTHER),
        ("Jack [4829137]", OTHER),
        ("[Will I. Smith] called", NAME),
        ("[May You Lin] called", NAME),
        ("her state: [MA Lin]", NAME),
        ("seen by [MA]", NAME),
        ("specimen [9f86d08]", OTHER),
        ("committed to [9f86d08]", OTHER),
    ],
)
def test_what_only_looks_harmless_stays_found(marked, kind):
    assert not is_dropped(marked, kind)


@pytest.mark.parametrize(
    "found",
    [
        *("03/14/2026", "March 14", "14 de marzo de 2026", "the fourteenth of March", "Thanksgiving", "4/2", "94 y/o"),
        *("ninety-four years old", "20th", "June 3rd", "2026-03-14T08:00:00Z", "Christmas Eve", "94 años", "Tuesday"),
    ],
)
def test_dates_and_ages_look_like_dates(found):
    assert _is_like_a_date(found)


@pytest.mark.parametrize(
    "found",
    ["Marisol", "Janet", "June", "Mar", "May", "48291376", "Augustin 4", "Domingo", "Decker", "Novak 12", "Sunday"],
)
def test_a_name_or_a_number_taken_for_a_date_is_none(found):
    """Dates pass on routes for treatment; these must not pass with them."""
    assert not _is_like_a_date(found)


@pytest.mark.parametrize(("found", "is_kept"), [("20th", True), ("19th", True), ("2019", False), ("1957", False)])
def test_a_bare_year_is_no_date_but_an_ordinal_is(found, is_kept):
    assert bool(_span(found, 0, len(found), CLASSES.index("DATE"))) == is_kept
