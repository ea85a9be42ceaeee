"""The part of the control API that finds entries in the record (45 CFR 164.308(a)(1)(ii)(D)).

A subject and a text are sent in a body, never in an address, where they would be seen and kept.
"""

from typing import Final

import msgspec

from wardkeep.compliance.forms import read_form
from wardkeep.compliance.searching import MOST_OPENED, Page, Question
from wardkeep.compliance.terms import invalid
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, get_route, post_route

_PAGE: Final = 100
_MOST_DIGITS: Final = 5
_NOT_IN_ADDRESS: Final = frozenset({"subject", "unresolved"})
_NAMES: Final = tuple(name for name in Question.__struct_fields__ if name not in _NOT_IN_ADDRESS)


class SearchForm(Question, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A search with everything that may be asked. `cursor` continues one, with the same other fields."""

    reason: str
    most: int = _PAGE
    cursor: str | None = None

    def question(self) -> Question:
        """Return what is asked for."""
        return _question(self)


class TextSearchForm(Question, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text to be looked for in the newest `most` records that fit."""

    text: str
    reason: str
    most: int = MOST_OPENED

    def question(self) -> Question:
        """Return what is asked for."""
        return _question(self)


async def _search(asked: Asked) -> object:
    """Search by header fields that may stand in an address."""
    given = dict(asked.query)
    most, cursor = given.pop("most", str(_PAGE)), given.pop("cursor", None)
    if not set(given) <= set(_NAMES):
        raise invalid("query", f"made of {', '.join(_NAMES)}, most and cursor; a subject is sent by POST")
    if not (most.isascii() and most.isdigit() and len(most) <= _MOST_DIGITS):
        raise invalid("number of results", "a whole number")
    question = read_form(Question, given)
    page = await asked.app.searcher.search(by=asked.by, question=question, reason=None, most=int(most), cursor=cursor)
    return _page_view(page)


async def _search_form(asked: Asked, filled: SearchForm) -> object:
    page = await asked.app.searcher.search(
        by=asked.by, question=filled.question(), reason=filled.reason, most=filled.most, cursor=filled.cursor
    )
    return _page_view(page)


async def _search_text(asked: Asked, filled: TextSearchForm) -> object:
    found = await asked.app.searcher.search_text(
        by=asked.by, question=filled.question(), text=filled.text, reason=filled.reason, most=filled.most
    )
    return {
        "hits": [{"index": index, "around": around} for index, around in found.hits],
        "opened": found.opened,
        "unopenable": found.unopenable,
        "read_index": found.read_index,
        "is_whole": found.is_whole,
    }


def _question(form: Question) -> Question:
    return Question(**{name: getattr(form, name) for name in Question.__struct_fields__})


def _page_view(page: Page) -> object:
    return {
        "entries": [msgspec.Raw(header) for header in page.headers],
        "matches": page.matches,
        "scope": page.scope,
        "read_index": page.read_index,
        "cursor": page.cursor,
        "is_whole": page.is_whole,
    }


AUDIT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("audit/search", Permission.LEDGER_READ, "audit.search", _search, optional=(*_NAMES, "most", "cursor")),
    post_route("audit/search", Permission.LEDGER_READ, "audit.find", SearchForm, _search_form),
    post_route("audit/text", Permission.IDENTITY_REVEAL, "audit.text", TextSearchForm, _search_text),
)
