"""What the record says about one subject: accounting of disclosures, who saw their data, and a summary.

45 CFR 164.528, 164.312(b), 164.524 as it bears on the record of use. Every line was read from its own leaf. A report is
one `read` entry, durable before it is shown, that names the subject by blind index alone.

An accounting covers six years and leaves out what the rule exempts: treatment, payment and operations
(164.528(a)(1)(i)), and what stayed inside the organisation's own boundary, which is no disclosure. It never says
complete while calls of another purpose name no subject, or while the index was not compared with the ledger.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from wardkeep.audit.entry import StoredHeader, decode
from wardkeep.audit.errors import DraftMalformed
from wardkeep.audit.search import microseconds, subject_bytes
from wardkeep.compliance.disclosures import open_words
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.compliance.searching import Searcher
from wardkeep.compliance.terms import clean_reason, clean_text, invalid, require
from wardkeep.model.access import Purpose
from wardkeep.model.disclosure import Disclosure
from wardkeep.model.part2 import NOTICE
from wardkeep.model.registry import AgreementKind, Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.storage.search_sqlite import UNRESOLVED, Criteria

YEARS: Final = 6
MOST_LINES: Final = 1000
MOST_ENTRIES: Final = 200_000

_PORTION: Final = 256
_CALLS: Final = MappingProxyType({"kind": ("request",)})

# 164.528(a)(1)(i): to carry out treatment, payment and health care operations.
EXEMPT: Final = frozenset({Purpose.TREAT, Purpose.ETREAT, Purpose.HPAYMT, Purpose.HOPERAT})


class DisclosedTo(msgspec.Struct, frozen=True, kw_only=True):
    """Disclosures to one recipient for one purpose (164.528(b)(3) lets them be told together)."""

    recipient: str
    address: str | None
    what: str
    purpose: str
    first_on: date
    last_on: date
    times: int
    entries: tuple[int, ...] = ()
    notice: str | None = None


class Accounting(msgspec.Struct, frozen=True, kw_only=True):
    """An accounting. `for_individual` is what the individual is given, and tells nothing of a suspension.

    `withheld` lines are left out under suspensions until their last day. `unresolved` calls of a purpose that is not
    exempt name no subject, so each may belong here. `is_complete` needs none of them, and an index that was checked.
    """

    since: date
    until: date
    for_individual: tuple[DisclosedTo, ...]
    exempt: dict[str, int]
    inside: int
    withheld: int
    withheld_until: date | None
    unresolved: int
    unopenable: int
    is_complete: bool
    read_index: int


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who saw, or asked for, data of a subject. `how` is `call`, `refused_call`, `opened` or `report`."""

    who: str
    name: str | None
    how: str
    purpose: str | None
    times: int
    first_at: datetime
    last_at: datetime
    entries: tuple[int, ...]


class WhoSaw(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody of the record. `vendors` received calls; `unresolved` calls name nobody and may belong here."""

    viewers: tuple[Viewer, ...]
    vendors: dict[str, int]
    unresolved: int
    is_complete: bool
    read_index: int


class SubjectSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with a subject's data, in numbers: never content."""

    calls: int
    refusals: dict[str, int]
    first_at: datetime | None
    last_at: datetime | None
    by_purpose: dict[str, int]
    by_vendor: dict[str, int]
    by_agreement: dict[str, int]
    by_model: dict[str, int]
    by_region: dict[str, int]
    by_workspace: dict[str, int]
    hidden: dict[str, int]
    tokens_in: int
    tokens_out: int
    openings: int
    disclosures_recorded: int
    unresolved: int
    is_complete: bool
    read_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReports:
    """Makes them, each recorded."""

    searcher: Searcher
    tenant: str

    async def accounting(self, *, by: Person, subject: str, reason: str, until: date, zone: str) -> Accounting:
        """Return the disclosures of the six years that end with a day.

        Raises:
            NotAllowed: no permission to open what is sealed, no reason, or a subject with too many calls.
            LedgerUnavailable: it could not be recorded, so nothing is shown.
            StoreError: the index cannot be read now.
        """
        require(by, Permission.LEDGER_OPEN)
        words, tag = clean_reason(reason), self._tag(subject)
        since = years_before(until, YEARS)
        since_us, until_us = _midnight(since, zone), _midnight(until, zone, days=1)
        found = await self._entries(tag, ("request",), since_us=since_us, until_us=until_us)
        nameless = Criteria(below=found.scope, subject=UNRESOLVED, words=_CALLS, since_us=since_us, until_us=until_us)
        unresolved = await self._unresolved(nameless, is_exempt_counted=False)
        registry = self.searcher.registry()
        told = [
            each for each in registry.disclosures.values()
            if each.subject == tag and each.withdrawn_by is None and since <= each.on <= until
        ]  # fmt: skip
        detail: dict[str, str | int | bool] = {
            "action": "accounting", "since": since.isoformat(), "until": until.isoformat(), "calls": len(found.headers),
            "disclosures": len(told), "scope": found.scope,
        }  # fmt: skip
        read_index = await self.searcher.record(by, detail, {"reason": words}, tag)
        sent = await asyncio.to_thread(_sent, found.headers, registry, zone)
        # 164.528(a)(2)(i) suspends the right to be told, whatever time is accounted for: the day it is made counts.
        made_on = self.searcher.clock().day_in(zone)
        held = [each for each in registry.suspensions.values() if each.subject == tag and each.holds(made_on)]
        agencies = {each.agency for each in held}
        shown = [each for each in told if each.recipient not in agencies]
        lines, unopenable = self._recorded(shown)
        return Accounting(
            since=since,
            until=until,
            for_individual=tuple(sorted((*sent.lines, *lines), key=lambda each: (each.first_on, each.recipient))),
            exempt=dict(sent.exempt),
            inside=sent.inside,
            withheld=len(told) - len(shown),
            withheld_until=max((each.until for each in held), default=None),
            unresolved=unresolved,
            unopenable=unopenable,
            is_complete=found.is_whole and not unresolved and not unopenable,
            read_index=read_index,
        )

    async def who_saw(self, *, by: Person, subject: str, reason: str) -> WhoSaw:
        """Return who called, was refused, opened and asked about a subject. Raises as `accounting`."""
        require(by, Permission.LEDGER_READ)
        words, tag = clean_reason(reason), self._tag(subject)
        found = await self._entries(tag, ("request", "refusal", "read"))
        calls = tuple(each.index for each in found.headers if each.type == "request")
        about = tuple(each.index for each in found.headers if each.type in {"request", "refusal"})
        opened = await self._openings(about, found.scope)
        unresolved = await self._unresolved(
            Criteria(below=found.scope, subject=UNRESOLVED, words=_CALLS), is_exempt_counted=True
        )
        detail: dict[str, str | int | bool] = {
            "action": "who_saw", "calls": len(calls), "openings": len(opened), "scope": found.scope,
        }  # fmt: skip
        read_index = await self.searcher.record(by, detail, {"reason": words}, tag)
        seen = [*((_how(each), each) for each in found.headers), *(("opened", each) for each in opened)]
        vendors = Counter(each.vendor for each in found.headers if each.type == "request" and each.vendor is not None)
        return WhoSaw(
            viewers=await asyncio.to_thread(_viewers, seen, self.searcher.registry()),
            vendors=dict(vendors),
            unresolved=unresolved,
            is_complete=found.is_whole and not unresolved,
            read_index=read_index,
        )

    async def summary(self, *, by: Person, subject: str, reason: str) -> SubjectSummary:
        """Return what was done with a subject's data, in numbers. Raises as `accounting`."""
        require(by, Permission.LEDGER_READ)
        words, tag = clean_reason(reason), self._tag(subject)
        found = await self._entries(tag, ("request", "refusal"))
        calls = [each for each in found.headers if each.type == "request"]
        indices = tuple(each.index for each in calls)
        answers = await self._followers(indices, found.scope)
        opened = await self._openings(tuple(each.index for each in found.headers), found.scope)
        unresolved = await self._unresolved(
            Criteria(below=found.scope, subject=UNRESOLVED, words=_CALLS), is_exempt_counted=True
        )
        detail: dict[str, str | int | bool] = {"action": "subject_report", "calls": len(calls), "scope": found.scope}
        read_index = await self.searcher.record(by, detail, {"reason": words}, tag)
        at = [datetime.fromisoformat(each.at) for each in calls]
        disclosures = self.searcher.registry().disclosures.values()
        return SubjectSummary(
            calls=len(calls),
            refusals=_counted(each.decision for each in found.headers if each.type == "refusal"),
            first_at=min(at, default=None),
            last_at=max(at, default=None),
            by_purpose=_counted(each.purpose for each in calls),
            by_vendor=_counted(each.vendor for each in calls),
            by_agreement=_counted(each.baa for each in calls),
            by_model=_counted(each.model for each in calls),
            by_region=_counted(each.region for each in calls),
            by_workspace=_counted(each.workspace for each in calls),
            hidden=_hidden(calls),
            tokens_in=sum(each.tokens_in or 0 for each in answers),
            tokens_out=sum(each.tokens_out or 0 for each in answers),
            openings=len(opened),
            disclosures_recorded=sum(each.subject == tag and each.withdrawn_by is None for each in disclosures),
            unresolved=unresolved,
            is_complete=found.is_whole and not unresolved,
            read_index=read_index,
        )

    def _tag(self, subject: str) -> str:
        return self.searcher.tag_of(clean_text(subject, "subject"))

    async def _entries(
        self, tag: str, kinds: tuple[str, ...], *, since_us: int | None = None, until_us: int | None = None
    ) -> "_Found":
        """Return the headers about a subject, each read from its leaf."""
        index = self.searcher.index
        await index.follow()
        scope = index.size
        criteria = Criteria(
            below=scope, subject=subject_bytes(tag), words={"kind": kinds}, since_us=since_us, until_us=until_us
        )
        indices = await index.select(criteria, MOST_ENTRIES + 1, is_oldest_first=True)
        if len(indices) > MOST_ENTRIES:
            raise invalid("subject", f"one with at most {MOST_ENTRIES} entries; narrow with `wardkeep audit search`")
        leaves = await index.leaves(indices, criteria)
        if len(leaves) != len(indices):
            await index.distrust()
        headers = await _decoded([leaf.header for leaf in leaves])
        is_whole = len(headers) == len(indices) and index.is_checked
        return _Found(headers=headers, scope=scope, is_whole=is_whole)

    async def _followers(self, calls: tuple[int, ...], scope: int) -> list[StoredHeader]:
        """Return the closing entries of these calls."""
        if not calls:
            return []
        criteria = Criteria(below=scope, calls=calls, words={"kind": ("response", "aborted")})
        indices = await self.searcher.index.select(criteria, 2 * len(calls))
        leaves = await self.searcher.index.leaves(indices, criteria)
        return list(await _decoded([leaf.header for leaf in leaves]))

    async def _openings(self, calls: tuple[int, ...], scope: int) -> list[StoredHeader]:
        """Return the `read` entries by which people opened these calls, their answers or refused ones, by text too."""
        if not calls:
            return []
        index = self.searcher.index
        followers = await index.select(Criteria(below=scope, calls=calls), MOST_ENTRIES)
        family = {*calls, *followers}
        criteria = Criteria(below=scope, abouts=frozenset(family), words={"kind": ("read",)})
        found = await index.leaves(await index.select(criteria, MOST_ENTRIES), criteria)
        searches = Criteria(below=scope, words={"kind": ("read",), "action": ("search_text",)})
        for leaf in await index.leaves(await index.select(searches, MOST_ENTRIES), searches):
            if not family.isdisjoint(await self._opened_by(leaf.index)):
                found.append(leaf)
        return list(await _decoded([leaf.header for leaf in sorted(found, key=lambda each: each.index)]))

    async def _opened_by(self, index: int) -> Sequence[int]:
        """Return which entries a text search opened: it stands sealed in its own entry."""
        entry = await self.searcher.index.ledger.read(index)
        if entry is None or entry.payload is None:
            return ()
        try:
            plain = self.searcher.entries.opened(entry.header, entry.payload)
            return msgspec.json.decode(plain, type=_TextSearch).entries
        except (EntryUnopenable, msgspec.DecodeError):
            return ()

    async def _unresolved(self, criteria: Criteria, *, is_exempt_counted: bool) -> int:
        """Return how many calls name nobody, and so may belong to this subject."""
        tallied = await self.searcher.index.tally(criteria, ("purpose",))
        return sum(count for (purpose,), count, _, _ in tallied if is_exempt_counted or purpose not in EXEMPT)

    def _recorded(self, disclosures: Iterable[Disclosure]) -> tuple[list[DisclosedTo], int]:
        lines: list[DisclosedTo] = []
        unopenable = 0
        for each in disclosures:
            try:
                words = open_words(self.searcher.keys, tenant=self.tenant, disclosure=each)
            except EntryUnopenable:
                unopenable += 1
                continue
            lines.append(
                DisclosedTo(
                    recipient=words.recipient,
                    address=words.address,
                    what=words.what,
                    purpose=words.purpose,
                    first_on=each.on,
                    last_on=each.on,
                    times=1,
                    notice=NOTICE if each.is_part2 else None,
                )
            )
        return lines, unopenable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    headers: tuple[StoredHeader, ...]
    scope: int
    is_whole: bool


@dataclass(slots=True, kw_only=True)
class _Sent:
    lines: list[DisclosedTo] = field(default_factory=list)
    exempt: Counter[str] = field(default_factory=Counter)
    inside: int = 0


class _TextSearch(msgspec.Struct, frozen=True):
    entries: tuple[int, ...] = ()


def years_before(day: date, years: int) -> date:
    """Return the same day some years before; from 29 February it is the 28th, which covers a day more, not less."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _midnight(day: date, zone: str, *, days: int = 0) -> int:
    """Return when a day of the organisation's begins; `days` later, days of 23 and 25 hours counted as days."""
    shifted = date.fromordinal(day.toordinal() + days)
    local = datetime(shifted.year, shifted.month, shifted.day, tzinfo=ZoneInfo(zone))
    return microseconds(local.astimezone(UTC))


async def _decoded(headers: Sequence[bytes]) -> tuple[StoredHeader, ...]:
    """Return the headers that parse; one that does not makes its report not whole, by the count."""
    found: list[StoredHeader] = []
    for at, header in enumerate(headers):
        if at % _PORTION == 0:
            await asyncio.sleep(0)  # whoever else is on this loop has a turn
        try:
            found.append(decode(header))
        except DraftMalformed:
            continue
    return tuple(found)


def _sent(headers: Iterable[StoredHeader], registry: Registry, zone: str) -> _Sent:
    """Sort calls into what an accounting lists, what it exempts, and what never left."""
    sent = _Sent()
    listed: dict[tuple[str, str], list[StoredHeader]] = {}
    for each in headers:
        agreement = registry.agreements.get(each.baa or "")
        if agreement is not None and agreement.kind is AgreementKind.OWN_BOUNDARY:
            sent.inside += 1
        elif each.purpose in EXEMPT:
            sent.exempt[each.purpose or ""] += 1
        else:
            party = agreement.party if agreement is not None else each.vendor or "unknown"
            listed.setdefault((party, each.purpose or "not stated"), []).append(each)
    for (party, purpose), calls in listed.items():
        days = [datetime.fromisoformat(each.at).astimezone(ZoneInfo(zone)).date() for each in calls]
        sent.lines.append(
            DisclosedTo(
                recipient=party,
                address=None,
                what="prompts sent to an AI model, as sealed in the entries named",
                purpose=purpose,
                first_on=min(days),
                last_on=max(days),
                times=len(calls),
                entries=tuple(each.index for each in calls[:MOST_LINES]),
                notice=NOTICE if any((each.detail or {}).get("p2") for each in calls) else None,
            )
        )
    return sent


def _how(header: StoredHeader) -> str:
    return {"request": "call", "refusal": "refused_call"}.get(header.type, "report")


def _viewers(seen: Iterable[tuple[str, StoredHeader]], registry: Registry) -> tuple[Viewer, ...]:
    grouped: dict[tuple[str, str, str | None], list[StoredHeader]] = {}
    for how, header in seen:
        person = (header.detail or {}).get("person")
        who = f"person:{person}" if isinstance(person, str) else header.actor or "unknown"
        grouped.setdefault((who, how, header.purpose), []).append(header)
    made = []
    for (who, how, purpose), headers in grouped.items():
        at = sorted(datetime.fromisoformat(each.at) for each in headers)
        made.append(
            Viewer(
                who=who,
                name=_name_of(who, registry),
                how=how,
                purpose=purpose,
                times=len(headers),
                first_at=at[0],
                last_at=at[-1],
                entries=tuple(each.index for each in headers[:MOST_LINES]),
            )
        )
    return tuple(sorted(made, key=lambda each: (each.who, each.how, each.purpose or "")))


def _name_of(who: str, registry: Registry) -> str | None:
    kind, _, name = who.partition(":")
    key = registry.keys.get(name) if kind == "key" else None
    return None if key is None else key.application or key.name


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(each if each is not None else "not stated" for each in values).most_common())


def _hidden(calls: Iterable[StoredHeader]) -> dict[str, int]:
    """Return how many identifiers of each class were hidden from vendors, as the headers say."""
    total: Counter[str] = Counter()
    for each in calls:
        said: Any = (each.detail or {}).get("hidden", "")
        for part in str(said).split(","):
            name, _, count = part.partition("=")
            if name and count.isdecimal():
                total[name] += int(count)
    return dict(total.most_common())
