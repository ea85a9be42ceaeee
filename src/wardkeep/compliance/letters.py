"""The letter to individuals, with the five parts that 45 CFR 164.404(c)(1)(A) to (E) demands.

Pure: the dates and the organisation come from the records, the words from whoever writes. A part that is missing makes
no letter. Whether the language is plain (164.404(c)(2)) is for people to judge.
"""

from dataclasses import dataclass
from datetime import date

from wardkeep.compliance.terms import clean_text, invalid

_LONGEST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How individuals ask: 164.404(c)(1)(E) wants at least one of these."""

    toll_free: str | None = None
    email: str | None = None
    web: str | None = None
    postal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterWords:
    """What people write for the five parts; `happened_on` is None when the day is not known."""

    what_happened: str
    happened_on: date | None
    types_of_information: str
    steps_for_individuals: str
    what_we_do: str
    contact: Contact


def letter(words: LetterWords, *, organisation: str, discovered: date) -> str:
    """Return the letter as Markdown. Raises NotAllowed when one of the five parts is missing."""
    happened = "a day that is not known" if words.happened_on is None else words.happened_on.isoformat()
    if words.happened_on is not None and words.happened_on > discovered:
        raise invalid("day of the breach", "not after its discovery")
    parts = (
        ("What happened", words.what_happened, f"It happened on {happened}. We discovered it on {discovered}."),
        ("What information was involved", words.types_of_information, ""),
        ("What you can do", words.steps_for_individuals, ""),
        ("What we are doing", words.what_we_do, ""),
        ("How to reach us", "You can ask us questions and learn more:", _reached(words.contact)),
    )
    told = [f"# Notice from {organisation} about your health information"]
    for title, text, more in parts:
        told += [f"## {title}", clean_text(text, f"part '{title}' of the letter", longest=_LONGEST)]
        told += [more] if more else []
    return "\n\n".join(told) + "\n"


def _reached(contact: Contact) -> str:
    ways = (
        ("toll-free telephone", contact.toll_free),
        ("e-mail", contact.email),
        ("web site", contact.web),
        ("post", contact.postal),
    )
    lines = [f"- {name}: {clean_text(way, name)}" for name, way in ways if way is not None]
    if not lines:
        raise invalid("contact", "a toll-free number, an e-mail address, a web site or a postal address")
    return "\n".join(lines)
