"""Finding entries for people: by what headers say, by subject, and by the text of opened records.

45 CFR 164.308(a)(1)(ii)(D), 164.312(b): reading the audit is audited. One search is one `read` entry, durable before
anything is shown, that says filter, scope and how many entries fit; the pages that follow it show no more than those.
A leaf is never erased, so what somebody types stands in it only where it is a name of ours; all of it stands sealed.
A subject is asked for by its handle and stands in that entry by its blind index alone. Every result was read from its
own leaf. Searching text opens records: it takes the permission to open, a reason, and a bound on how many are opened.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from wardkeep.audit.entry import Kind
from wardkeep.audit.search import SearchIndex, microseconds, subject_bytes
from wardkeep.compliance.entries import EntryMaker, peek
from wardkeep.compliance.errors import EntryUnopenable, NotAllowed
from wardkeep.compliance.reading import presented
from wardkeep.compliance.terms import clean_reason, clean_text, invalid, require
from wardkeep.crypto.keys import DataKeys
from wardkeep.crypto.mac import is_equal, mac
from wardkeep.model.access import Purpose
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.storage.search_sqlite import Criteria

MOST_RESULTS: Final = 500
MOST_OPENED: Final = 1000

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_KINDS: Final = frozenset(Kind.__args__)  # type: ignore[attr-defined]  # a Literal's values
_PURPOSES: Final = frozenset(each.value for each in Purpose)
_DECISIONS: Final = frozenset({"permitted", *(each.value for each in Reason)})
_OURS: Final = frozenset({"since", "until", "type", "unresolved", "subject"})
_SEALED: Final = "*"
_CURSOR_LABEL: Final = b"audit-search-cursor"
_CURSOR_US: Final = 15 * 60 * 1_000_000
_MAC_BYTES: Final = 16
_LONGEST_TEXT: Final = 200
_LONGEST_FILTER: Final = 800
_SHOWN_AROUND: Final = 40
_PORTION: Final = 100


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is asked for; each field narrows. `reason` is a refusal's code, `application` all keys of an application.

    `since` <= time < `until`. `subject` is the handle that calls name; it leaves this process only as its blind index.
    """

    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    actor: str | None = None
    application: str | None = None
    person: str | None = None
    workspace: str | None = None
    purpose: str | None = None
    route: str | None = None
    vendor: str | None = None
    baa: str | None = None
    decision: str | None = None
    reason_code: str | None = None
    action: str | None = None
    subject: str | None = None
    unresolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of results, newest first. `scope` entries were searched, `matches` of them fit, as the index says.

    `cursor` gives the next page, None when there is none. `is_whole` is False when the index proved to be wrong, or
    was not yet compared with the ledger since the start: then something may be missing.
    """

    headers: Sequence[bytes]
    matches: int
    scope: int
    read_index: int
    cursor: str | None
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHits:
    """Where a text stands: (entry, a few words around it). `opened` records were read, `unopenable` could not be."""

    hits: Sequence[tuple[int, str]]
    opened: int
    unopenable: int
    read_index: int
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """The only way to the index for people."""

    index: SearchIndex
    entries: EntryMaker
    keys: DataKeys
    clock: Callable[[], Instant]
    registry: Callable[[], Registry]

    async def search(
        self, *, by: Person, question: Question, reason: str | None, most: int, cursor: str | None
    ) -> Page:
        """Return a page of what fits.

        Raises:
            NotAllowed: no permission, a malformed question or one too long to record, a subject without a reason, or a
                cursor of another search.
            LedgerUnavailable: the search could not be recorded, so nothing is shown.
            StoreError: the index cannot be read now.
        """
        require(by, Permission.LEDGER_READ)
        if not 1 <= most <= MOST_RESULTS:
            raise invalid("number of results", f"1 to {MOST_RESULTS}")
        if question.subject is not None and reason is None:
            raise invalid("reason", "given when a subject is searched for")
        words = clean_reason(reason) if reason is not None else "no reason was given"
        if cursor is not None:
            place = self._resumed(cursor, by, question)
            criteria = self.criteria(question, below=place.below)
            return await self._page(place, criteria, question, by, most)
        await self.index.follow()
        scope = self.index.size
        criteria = self.criteria(question, below=scope)
        matches = await self.index.count(criteria)
        told = self.said(question)
        detail: dict[str, str | int | bool] = {
            "action": "search", "filter": told.header, "scope": scope, "matches": matches,
        }  # fmt: skip
        read_index = await self.record(by, detail, {"reason": words, "filter": told.whole}, self.tag(question.subject))
        place = _Place(read_index=read_index, scope=scope, matches=matches, below=scope, until_us=0)
        return await self._page(place, criteria, question, by, most)

    async def search_text(self, *, by: Person, question: Question, text: str, reason: str, most: int) -> TextHits:
        """Open the newest records that fit, at most `most`, and say in which a text stands.

        The text is looked for in each entry by itself, without regard to case; one that is cut by two pieces of a
        streamed answer is not found.

        Raises:
            NotAllowed: no permission to open, no reason, no text, or a question without subject or time.
            LedgerUnavailable: the search could not be recorded, so nothing is opened.
            StoreError: the index cannot be read now.
        """
        require(by, Permission.LEDGER_OPEN)
        # What is found is shown with the words around it, originals as they are.
        require(by, Permission.IDENTITY_REVEAL)
        words = clean_reason(reason)
        wanted = clean_text(text, "text", longest=_LONGEST_TEXT)
        if not 1 <= most <= MOST_OPENED:
            raise invalid("number of records", f"1 to {MOST_OPENED}")
        if question.subject is None and (question.since is None or question.until is None):
            raise invalid("scope", "narrowed by a subject, or by since and until: text is searched for in a scope")
        await self.index.follow()
        scope = self.index.size
        criteria = self.criteria(question, below=scope)
        indices = await self.index.select(criteria, most)
        called = await self.index.select(Criteria(below=scope, calls=tuple(indices)), most) if indices else []
        chosen = sorted({*indices, *called}, reverse=True)[:most]
        told = self.said(question)
        detail: dict[str, str | int | bool] = {
            "action": "search_text", "filter": told.header, "scope": scope, "opened": len(chosen),
        }  # fmt: skip
        sealed: dict[str, object] = {
            "reason": words, "text": wanted, "entries": chosen, "filter": told.whole,
        }  # fmt: skip
        read_index = await self.record(by, detail, sealed, self.tag(question.subject))
        leaves = await self.index.leaves(indices, criteria)
        fitting = _Fitting(
            indices=frozenset(leaf.index for leaf in leaves), ids=frozenset(peek(leaf.header).id for leaf in leaves)
        )
        looked = await self._looked(chosen, fitting, wanted.casefold())
        return TextHits(
            hits=looked.hits,
            opened=looked.opened,
            unopenable=looked.unopenable,
            read_index=read_index,
            is_whole=len(leaves) == len(indices) and self.index.is_checked,
        )

    def criteria(self, question: Question, *, below: int) -> Criteria:
        """Return the question as the index takes it. Raises NotAllowed: a value that no header can hold."""
        wanted: dict[str, tuple[str, ...]] = {}
        for column, value in (
            ("kind", question.type), ("actor", question.actor), ("person", question.person),
            ("workspace", question.workspace), ("purpose", question.purpose), ("route", question.route),
            ("vendor", question.vendor), ("baa", question.baa), ("action", question.action),
            ("decision", question.decision),
        ):  # fmt: skip
            if value is not None:
                wanted[column] = (_word(value, column),)
        if question.type is not None and question.type not in _KINDS:
            raise invalid("type", f"one of {', '.join(sorted(_KINDS))}")
        if question.reason_code is not None:
            if question.decision is not None or question.type not in {None, "refusal"}:
                raise invalid("reason code", "asked for alone: it is the decision of a refusal")
            wanted |= {"decision": (_word(question.reason_code, "reason code"),), "kind": ("refusal",)}
        if question.application is not None:
            if question.actor is not None:
                raise invalid("application", "asked for without an actor: it stands for its keys")
            wanted["actor"] = self._keys_of(question.application)
        if question.unresolved and question.subject is not None:
            raise invalid("subject", "asked for without `unresolved`")
        unresolved = subject_bytes("unresolved") if question.unresolved else None
        return Criteria(
            below=below,
            since_us=None if question.since is None else microseconds(_aware(question.since)),
            until_us=None if question.until is None else microseconds(_aware(question.until)),
            words=wanted,
            subject=subject_bytes(self.tag(question.subject)) if question.subject is not None else unresolved,
        )

    def tag(self, subject: str | None) -> str | None:
        """Return the blind index of a subject, None for none."""
        return None if subject is None else self.tag_of(subject)

    def tag_of(self, subject: str) -> str:
        """Return the blind index under which calls about a subject stand (`gateway.record`)."""
        return mac(self.keys.blind_index_key, b"subject", subject.encode())[:16].hex()

    def said(self, question: Question) -> "_Said":
        """Return the filter as the entry's header and its sealed part say it, the subject as its blind index."""
        shown: dict[str, Any] = msgspec.to_builtins(question)
        shown.pop("subject", None)
        if (tag := self.tag(question.subject)) is not None:
            shown["subject"] = tag
        whole = _written(shown)
        if len(whole) > _LONGEST_FILTER:
            # It stands in a header, and a header is bounded (`audit.entry.MAX_LEAF_BYTES`).
            raise invalid("filter", f"at most {_LONGEST_FILTER} characters in all")
        registry = self.registry()
        header = {name: value if _is_ours(name, value, registry) else _SEALED for name, value in shown.items()}
        return _Said(header=_written(header), whole=whole)

    def _keys_of(self, application: str) -> tuple[str, ...]:
        wanted = _word(application, "application")
        return tuple(f"key:{key.id}" for key in self.registry().keys.values() if key.application == wanted) or ("-",)

    async def _page(self, place: "_Place", criteria: Criteria, question: Question, by: Person, most: int) -> Page:
        indices = await self.index.select(criteria, most + 1)
        shown, more = indices[:most], len(indices) > most
        leaves = await self.index.leaves(shown, criteria)
        is_true = len(leaves) == len(shown)
        if not is_true:
            await self.index.distrust()
        following = None
        if more:
            until_us = place.until_us or self.clock().wall_us + _CURSOR_US
            following = self._token(msgspec.structs.replace(place, below=shown[-1], until_us=until_us), by, question)
        return Page(
            headers=[leaf.header for leaf in reversed(leaves)],
            matches=place.matches,
            scope=place.scope,
            read_index=place.read_index,
            cursor=following,
            is_whole=is_true and self.index.is_checked,
        )

    async def _looked(self, chosen: Sequence[int], fitting: "_Fitting", needle: str) -> "_Looked":
        looked = _Looked()
        for index in chosen:
            entry = await self.index.ledger.read(index)
            if entry is None or entry.payload is None or not fitting.holds(index, entry.header):
                continue
            try:
                plain = await self.entries.content(entry.header, entry.payload)
            except EntryUnopenable:
                looked.unopenable += 1
                continue
            looked.opened += 1
            lines = texts_in(presented(peek(entry.header).type, plain))
            found = next((line for line in lines if needle in line.casefold()), None)
            if found is not None:
                looked.hits.append((index, _around(found, needle)))
        return looked

    def _token(self, place: "_Place", by: Person, question: Question) -> str:
        body = msgspec.msgpack.encode(place)
        return base64.urlsafe_b64encode(self._cursor_mac(body, by, question) + body).decode()

    def _resumed(self, cursor: str, by: Person, question: Question) -> "_Place":
        """Return where a search goes on: the same person and question, within a quarter of an hour."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
            place = msgspec.msgpack.decode(raw[_MAC_BYTES:], type=_Place)
        except (ValueError, msgspec.DecodeError):
            raise _stale() from None
        is_ours = is_equal(raw[:_MAC_BYTES], self._cursor_mac(raw[_MAC_BYTES:], by, question))
        if not is_ours or place.until_us < self.clock().wall_us:
            raise _stale()
        return place

    def _cursor_mac(self, body: bytes, by: Person, question: Question) -> bytes:
        asked = msgspec.json.encode(question)
        return mac(self.keys.blind_index_key, _CURSOR_LABEL, body, by.id.encode(), asked)[:_MAC_BYTES]

    async def record(
        self, by: Person, detail: dict[str, str | int | bool], sealed: dict[str, object], subject: str | None
    ) -> int:
        """Record a reading before it is shown; return its index. `subject` is a blind index.

        Raises:
            LedgerUnavailable: nothing may be shown.
        """
        draft = self.entries.draft(
            "read", actor=f"person:{by.id}", detail=detail, payload=msgspec.json.encode(sealed), subject=subject
        )
        return (await self.index.ledger.append([draft]))[0].index


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """A filter as a header says it, and whole, to be sealed."""

    header: str
    whole: str


class _Place(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Where a search stands: what a cursor carries, beside the MAC that binds it to person and question."""

    read_index: int
    scope: int
    matches: int
    below: int
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitting:
    """The entries whose own leaves fit, and their ids: what belongs to one of them names it as its parent."""

    indices: frozenset[int]
    ids: frozenset[str]

    def holds(self, index: int, header: bytes) -> bool:
        return index in self.indices or _parent_of(header) in self.ids


@dataclass(slots=True, kw_only=True)
class _Looked:
    """What opening records found so far."""

    hits: list[tuple[int, str]] = field(default_factory=list)
    opened: int = 0
    unopenable: int = 0


class _Child(msgspec.Struct, frozen=True):
    parent: str | None = None


def texts_in(value: object) -> Iterator[str]:
    """Yield every text in a payload as it is shown; a text that is itself JSON is read as such."""
    if isinstance(value, str):
        if value[:1] in {"{", "["}:
            try:
                yield from texts_in(msgspec.json.decode(value))
            except msgspec.DecodeError:
                yield value
        else:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from texts_in(item)


def _parent_of(header: bytes) -> str | None:
    try:
        return msgspec.json.decode(header, type=_Child).parent
    except msgspec.DecodeError:
        return None


def _written(shown: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(shown.items())) or "all"


def _is_ours(name: str, value: object, registry: Registry) -> bool:
    """Whether a value is a time, a word of ours or a name of the registry, and so may stand where nothing is erased."""
    match name:
        case "actor":
            kind, _, who = str(value).partition(":")
            return (kind == "key" and who in registry.keys) or (kind == "person" and who in registry.people)
        case "application":
            return any(key.application == value for key in registry.keys.values())
        case "person":
            return value in registry.people
        case "workspace":
            return value in registry.workspaces
        case "route":
            return value in registry.routes
        case "vendor":
            return value in registry.vendors
        case "baa":
            return value in registry.agreements
        case "purpose":
            return value in _PURPOSES
        case "decision" | "reason_code":
            return value in _DECISIONS
        case _:
            return name in _OURS


def _around(text: str, needle: str) -> str:
    """Return a few characters around the first place; folding may move it, so never less than the text's start."""
    at = max(0, text.casefold().find(needle) - _SHOWN_AROUND)
    return text[at : at + 2 * _SHOWN_AROUND + len(needle)]


def _word(value: str, noun: str) -> str:
    if _WORD.fullmatch(value) is None:
        raise invalid(noun, "a name as headers show it")
    return value


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise invalid("time", "given with its zone, as 2026-11-23T00:00:00Z")
    return at


def _stale() -> NotAllowed:
    return NotAllowed(
        "cursor_invalid",
        what="This cursor does not continue this search.",
        why="It holds for one person, one question and a quarter of an hour, because the search was recorded once.",
        fix="Search again without a cursor.",
        status=400,
    )
