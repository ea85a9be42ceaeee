"""The first three digits of a ZIP code, where the law leaves them: 45 CFR 164.514(b)(2)(i)(B).

They stay where the area of all ZIP codes that begin with them has more than 20,000 people "according to the current
publicly available data from the Bureau of the Census"; otherwise they become 000. Each list below has its source and
year beside it; they are united, because HHS has not withdrawn its older list.
"""

import re
from types import MappingProxyType
from typing import Final

SMALL: Final = MappingProxyType(
    {
        "2020 Census, populations of ZIP Code Tabulation Areas added up by their first three digits": frozenset(
            {
                *("036", "059", "102", "202", "203", "204", "205", "369", "556", "692", "753", "772", "821", "823"),
                *("878", "879", "884", "893"),
            }
        ),
        "2000 Census, as listed in the HHS guidance on de-identification (2012)": frozenset(
            {
                *("036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878", "879"),
                *("884", "890", "893"),
            }
        ),
        # Nobody counts the people of these: ranges without an area, and those of the armed forces.
        "not assigned to an area of the Census": frozenset(
            {
                *("000", "001", "002", "003", "004", "090", "091", "092", "093", "094", "095", "096", "097", "098"),
                *("099", "213", "269", "340", "343", "345", "348", "353", "419", "428", "429", "517", "518", "519"),
                *("529", "533", "536", "552", "568", "578", "579", "589", "621", "632", "642", "643", "659", "663"),
                *("682", "694", "695", "696", "697", "698", "699", "702", "709", "715", "732", "742", "771", "817"),
                *("818", "819", "839", "848", "849", "854", "858", "861", "862", "866", "867", "868", "869", "876"),
                *("886", "887", "888", "892", "896", "899", "909", "929", "962", "963", "964", "965", "966", "987"),
            }
        ),
    }
)
_WITHHELD: Final = frozenset[str]().union(*SMALL.values())
# ASCII digits only: of what other digits spell nothing is left, because no list above can be asked about it.
ZIP: Final = re.compile(r"(?<![\w.#/-])([0-9]{3})[0-9]{2}(?:[ -]?[0-9]{4})?(?![\w]|-\d)")


def first_three(code: str) -> str:
    """Return what may stand for a ZIP code: its first three digits, or 000 where too few people live or nobody knows.

    Raises:
        ValueError: it does not begin with five digits.
    """
    if re.match(r"\d{5}", code, re.ASCII) is None:
        raise ValueError("a ZIP code begins with five digits")
    return "000" if code[:3] in _WITHHELD else code[:3]
