"""What the rules leave: ZIP codes, ages over 89 and what reveals them, dates, places."""

from datetime import date

import pytest

from wardkeep.model.spans import IdentifierType, Span
from wardkeep.privacy.dates import Order, Reader
from wardkeep.privacy.generalise import age_left, date_left, demographic_left, is_old_year, place_left, revealing
from wardkeep.privacy.zip3 import SMALL, first_three

TODAY = date(2026, 11, 23)
READER = Reader(order=Order.MONTH_FIRST, pivot=2026)


def test_the_lists_of_small_areas_stand_with_their_source_and_year():
    census = next(codes for source, codes in SMALL.items() if source.startswith("2020 Census"))
    assert len(census) == 18
    assert {"369", "753", "772", "893"} <= census
    older = next(codes for source, codes in SMALL.items() if "HHS" in source)
    assert len(older) == 17
    assert {"063", "790", "830", "831", "890"} <= older - census


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("02115", "021"),
        ("02115-3402", "021"),
        ("03601", "000"),
        ("36901", "000"),
        ("83001", "000"),
        ("20301", "000"),
        ("09012", "000"),
        ("10001", "100"),
    ],
)
def test_three_digits_of_a_zip_code(code, left):
    assert first_three(code) == left


@pytest.mark.parametrize("code", ["", "0211", "O2115", "٠٢١١٥"])
def test_what_is_no_zip_code_has_no_three_digits(code):
    with pytest.raises(ValueError):
        first_three(code)


@pytest.mark.parametrize(
    ("surface", "left"),
    [
        ("94", "90+"),
        ("94 years old", "90+ years old"),
        ("89", "89"),
        ("90", "90+"),
        ("89.5 years", "90+ years"),
        ("6 months", "6 months"),
        ("nineties", "90+"),
        ("88-92", "90+"),
        ("45", "45"),
    ],
)
def test_ages_over_89_become_one_category(surface, left):
    assert age_left(surface) == left


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("She was born in 1931 in the country.", "1931"),
        ("DOB: 1929", "1929"),
        ("b. 1935", "1935"),
        ("nacido en 1930", "1930"),
        ("turned 92 in 2015", "2015"),
        ("celebrated her 101st birthday in 2019", "2019"),
        ("on her 92nd birthday", "92nd"),
        ("a centenarian", "centenarian"),
        ("ninety-two years old", "ninety-two"),
        ("a hundred and one years old", "a hundred and one"),
    ],
)
def test_birth_years_and_words_that_reveal_an_age_over_89_are_found(text, surface):
    assert surface in [text[s.start : s.end] for s in revealing(text, TODAY)]


@pytest.mark.parametrize(
    "text",
    [
        "born in 1980",
        "born in 1937",
        "diagnosed in 1931-type fashion",
        "turned 85 in 2015",
        "92nd percentile",
        "5/5",
        "1931",
    ],
)
def test_what_reveals_no_such_age_is_left(text):
    assert revealing(text, TODAY) == []


def test_the_year_in_which_somebody_turns_ninety_counts_as_revealing():
    assert is_old_year(1936, TODAY)
    assert not is_old_year(1937, TODAY)


@pytest.mark.parametrize(
    ("text", "surface", "left"),
    [
        ("seen on 03/14/2024.", "03/14/2024", "2024"),
        ("on March 14, 2024", "March 14, 2024", "2024"),
        ("in March", "March", None),
        ("on 3/14", "3/14", None),
        ("on 3/14/24", "3/14/24", "2024"),
        ("DOB 3/14/24", "3/14/24", None),
        ("DOB 03/14/1931", "03/14/1931", None),
        ("DOB 03/14/1991", "03/14/1991", "1991"),
        ("03/14/1931", "03/14/1931", None),
        ("from 3/2022 to 4/2023", "3/2022 to 4/2023", None),
    ],
)
def test_of_a_date_its_year_is_left_unless_it_is_unsure_or_reveals_an_age(text, surface, left):
    start = text.index(surface)
    assert date_left(text, Span(start, start + len(surface), IdentifierType.DATE, "t"), READER, TODAY) == left


@pytest.mark.parametrize(
    ("surface", "released", "limited"),
    [
        ("12 Elm Street, Boston, MA 02115", "MA 021", "Boston, MA 02115"),
        ("Boston", None, "Boston"),
        ("Boston, MA", "MA", "Boston, MA"),
        ("12 Elm Street", None, None),
        ("02115", "021", "02115"),
        ("Colebrook, NH 03601", "NH 000", "Colebrook, NH 03601"),
        ("PO Box 12, Dover, Delaware", "Delaware", "Dover, Delaware"),
        ("77 Oak Ave Apt 4B, Salem, OR 97301-1234", "OR 973", "Salem, OR 97301-1234"),
        ("IN", "IN", "IN"),
        ("Mississippi Street", None, "Mississippi Street"),
        ("MA 021", "MA 021", None),
        ("MA ０２１１５", None, None),
        ("TX ٧٨٧", None, None),
    ],
)
def test_of_a_place_the_state_and_three_digits_are_left_or_the_town_in_a_limited_data_set(surface, released, limited):
    assert place_left(surface, keeps_town=False) == released
    if limited != "Mississippi Street":
        assert place_left(surface, keeps_town=True) == limited


def test_quasi_identifiers_stay_but_for_ages_over_89():
    assert demographic_left("mujer") == "mujer"
    assert demographic_left("45 años") == "45 años"
    assert demographic_left("94 años") == "90+ años"
