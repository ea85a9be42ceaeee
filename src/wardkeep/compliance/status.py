"""Live status of controls, computed from facts that exist: the newest part of the ledger and the registry.

A control holds only when its query says so on a source that is there, fresh and whole; whatever is missing, stale or
damaged makes it `not_known`, and so does a query that found nothing to look at. A row that nobody confirmed and a row
that nothing computes yet are never shown as holding. Pure but for `read_window`: time, registry and headers come in.

What holds says nothing of the past beyond the window, and no control of a program makes an organisation lawful.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from wardkeep.audit.entry import ZERO_HASH, StoredHeader, decode
from wardkeep.audit.errors import DraftMalformed
from wardkeep.audit.ledger import Entry, Ledger
from wardkeep.audit.tree import leaf_hash
from wardkeep.compliance.addressable import addressable_ids
from wardkeep.compliance.catalogue import Catalogue, Control, load_catalogue
from wardkeep.compliance.destinations import standings
from wardkeep.compliance.incidents import clocks_of, outstanding
from wardkeep.compliance.watch import Alarm
from wardkeep.model.access import RequestStatus, Role
from wardkeep.model.destination import DestinationKind
from wardkeep.model.incident import Conclusion, IncidentFactor
from wardkeep.model.registry import AgreementStatus, Registry

FRESH_FOR: Final = timedelta(seconds=60)
WINDOW: Final = 2000
_SAMPLES: Final = 3
# A deployment is held to its agreement at each call, and may stand on record before it has one.
_VENDOR: Final = DestinationKind.VENDOR
# An open emergency says nothing about the record of it.
_NO_ALARM: Final = frozenset({Alarm.BREAK_GLASS.value})


class Standing(StrEnum):
    """Whether a control's query holds. Only `HOLDS` may be shown as good."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The newest entries of the ledger. `is_whole` says that hashes, links and indices follow one another."""

    read_at: datetime
    start: int
    stop: int
    headers: tuple[StoredHeader, ...]
    is_whole: bool
    is_writable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All facts, each None where nobody has it. `today` is the organisation's day."""

    now: datetime
    today: date
    window: Window | None
    registry: Registry | None
    registry_read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a query found: how many it looked at, which of them are wrong, and entries to look at by oneself."""

    looked_at: int
    wrong: tuple[str, ...] = ()
    samples: tuple[int, ...] = ()


Run = Callable[[Registry, Window, date], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: in words, and what it does."""

    words: str
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a control stands, and why."""

    control: Control
    standing: Standing
    because: str
    query: str | None = None
    finding: Finding | None = None


async def read_window(ledger: Ledger, *, now: datetime, most: int = WINDOW) -> Window:
    """Return the newest entries, checked against their own hashes and links. Raises LedgerUnavailable."""
    size = (await ledger.head()).size
    start = max(0, size - most)
    entries = [entry async for entry in ledger.scan(start, size)]
    return window_of(entries, start=start, stop=size, now=now, is_writable=ledger.writable)


def window_of(entries: Iterable[Entry], *, start: int, stop: int, now: datetime, is_writable: bool) -> Window:
    """Return the window of these entries; one that is missing, changed or out of place makes it not whole."""
    headers: list[StoredHeader] = []
    previous: bytes | None = ZERO_HASH if start == 0 else None
    is_whole = True
    at = start
    for entry in entries:
        try:
            header = decode(entry.header)
        except DraftMalformed:
            is_whole = False
            break
        links = previous is None or header.prev == previous.hex()
        if not links or header.index != at or leaf_hash(entry.header) != entry.leaf_hash:
            is_whole = False
        headers.append(header)
        previous, at = entry.leaf_hash, at + 1
    return Window(
        read_at=now,
        start=start,
        stop=stop,
        headers=tuple(headers),
        is_whole=is_whole and at == stop,
        is_writable=is_writable,
    )


def statuses(catalogue: Catalogue, known: Known, queries: "Mapping[str, Query] | None" = None) -> tuple[Status, ...]:
    """Return the status of every control of the catalogue, in its order."""
    asked = QUERIES if queries is None else queries
    # Several controls stand on one query: on one snapshot it finds the same, and is asked once.
    found: dict[Run, Finding] = {}
    return tuple(_status(control, asked.get(control.id), known, found) for control in catalogue.controls.values())


def _status(control: Control, query: Query | None, known: Known, found: dict[Run, Finding]) -> Status:
    def not_known(because: str) -> Status:
        words = None if query is None else query.words
        return Status(control=control, standing=Standing.NOT_KNOWN, because=because, query=words)

    if control.is_unconfirmed:
        return not_known("nobody confirmed what the rule says here")
    if query is None and control.is_attested_by_nature:
        return not_known("people attest this: no record of the program can show it")
    if query is None:
        return not_known("nothing computes this control yet")
    if (trouble := _trouble(known)) is not None:
        return not_known(trouble)
    registry, window = known.registry, known.window
    if registry is None or window is None:
        return not_known("a source is missing")
    finding = found.get(query.run)
    if finding is None:
        finding = found[query.run] = query.run(registry, window, known.today)
    if finding.wrong:
        because = f"{len(finding.wrong)} of {finding.looked_at} do not hold"
        standing = Standing.FAILS
    elif finding.looked_at == 0:
        return not_known("there was nothing to look at")
    else:
        because, standing = f"all {finding.looked_at} hold", Standing.HOLDS
    return Status(control=control, standing=standing, because=because, query=query.words, finding=finding)


def _trouble(known: Known) -> str | None:
    """Return what is wrong with the sources. Every query waits for both: a ledger that is cut says nothing whole."""
    window = known.window
    if window is None:
        return "the ledger could not be read"
    if known.registry is None or known.registry_read_at is None:
        return "the registry could not be read"
    for name, at in (("ledger", window.read_at), ("registry", known.registry_read_at)):
        if not timedelta(0) <= known.now - at <= FRESH_FOR:
            return f"the {name} was read more than {FRESH_FOR.seconds} seconds ago, or in the future"
    if not window.is_whole:
        return "the ledger's newest entries do not follow one another: run `wardkeep verify`"
    if not window.is_writable:
        return "the ledger takes no entries"
    return None


# ---- queries ---------------------------------------------------------------------------------------------------------


def _entries(window: Window, holds: Callable[[StoredHeader], bool], *kinds: str) -> Finding:
    looked_at = [each for each in window.headers if each.type in kinds]
    return Finding(
        looked_at=len(looked_at),
        wrong=tuple(f"entry {each.index}" for each in looked_at if not holds(each)),
        samples=tuple(each.index for each in looked_at[-_SAMPLES:]),
    )


def _calls_have_agreements(registry: Registry, window: Window, today: date) -> Finding:
    calls = _entries(window, lambda each: each.baa in registry.agreements, "request")
    # What only the settings name is not in the registry: without an agreement for that the instance does not start.
    others = [row for row in standings(registry, (), today) if row.carries.is_phi and row.kind is not _VENDOR]
    wrong = tuple(f"destination {row.id}" for row in others if row.refused is not None)
    return Finding(looked_at=calls.looked_at + len(others), wrong=calls.wrong + wrong, samples=calls.samples)


def _calls_have_purposes(_: Registry, window: Window, __: date) -> Finding:
    return _entries(window, lambda each: None not in {each.purpose, each.policy, each.epoch}, "request")


def _entries_have_actors(_: Registry, window: Window, __: date) -> Finding:
    return _entries(window, lambda each: bool(each.actor), "request", "control", "read")


def _entries_follow(_: Registry, window: Window, __: date) -> Finding:
    # That they do was found before any query ran; the samples can be proved by `wardkeep verify --prove INDEX`.
    indices = tuple(each.index for each in window.headers[-_SAMPLES:])
    return Finding(looked_at=len(window.headers), samples=indices)


def _record_is_complete(_: Registry, window: Window, __: date) -> Finding:
    """An alarm of the watch (`compliance.watch`) that began inside the window and has not ended is a finding."""
    last = {
        str(each.detail["alarm"]): each
        for each in window.headers
        if each.type == "alarm"
        and each.detail is not None
        and "alarm" in each.detail
        and each.detail["alarm"] not in _NO_ALARM
    }
    wrong = [f"alarm {name} in entry {each.index}" for name, each in last.items() if each.decision != "cleared"]
    found = _entries_follow(_, window, __)
    return Finding(looked_at=found.looked_at, wrong=tuple(sorted(wrong)), samples=found.samples)


def _all_decided(registry: Registry, _: Window, today: date) -> Finding:
    addressable = addressable_ids(load_catalogue())
    held = {name for name, each in registry.decisions.items() if each.holds(today)}
    wrong = tuple(name for name in addressable if name not in held)
    return Finding(looked_at=len(addressable), wrong=wrong)


def _agreements_by_two(registry: Registry, _: Window, __: date) -> Finding:
    active = [each for each in registry.agreements.values() if each.status is AgreementStatus.ACTIVE]
    wrong = [each for each in active if each.activated_by in {None, each.added_by} or len(each.document_sha256) != 64]
    return Finding(looked_at=len(active), wrong=tuple(sorted(f"agreement {each.id}" for each in wrong)))


def _has_security_officer(registry: Registry, _: Window, __: date) -> Finding:
    named = [each for each in registry.people.values() if Role.SECURITY_OFFICER in each.roles]
    able = [each for each in named if each.is_active and each.credential_mac is not None]
    return Finding(looked_at=max(len(able), 1), wrong=() if able else ("nobody is an active security officer",))


def _keys_end_with_their_owners(registry: Registry, _: Window, __: date) -> Finding:
    live = [each for each in registry.keys.values() if not each.is_revoked]
    wrong = [each for each in live if not ((owner := registry.people.get(each.owner)) and owner.is_active)]
    return Finding(looked_at=len(live), wrong=tuple(sorted(f"key {each.id}" for each in wrong)))


def _access_by_others(registry: Registry, _: Window, __: date) -> Finding:
    decided = [each for each in registry.access_requests.values() if each.status is not RequestStatus.OPEN]
    wrong = [each for each in decided if each.decided_by in {None, each.asked_by, each.person}]
    return Finding(looked_at=len(decided), wrong=tuple(sorted(f"request {each.id}" for each in wrong)))


def _four_factors(registry: Registry, _: Window, __: date) -> Finding:
    low = [each for each in registry.incidents.values() if each.conclusion is Conclusion.LOW_PROBABILITY]
    wrong = [
        each
        for each in low
        if each.factors.keys() != set(IncidentFactor) or each.countersigned_by in {None, each.signed_by}
    ]
    return Finding(looked_at=len(low), wrong=tuple(sorted(f"incident {each.id}" for each in wrong)))


def _notices_in_time(control: str) -> Callable[[Registry, Window, date], Finding]:
    def run(registry: Registry, _: Window, today: date) -> Finding:
        looked_at, wrong = 0, []
        for incident in registry.incidents.values():
            due = {(each.name, each.about): each for each in clocks_of(incident) if each.control == control}
            if not due:
                continue
            looked_at += len(due)
            late = [each for each in outstanding(incident) if each.control == control and each.due < today]
            given = [each for each in incident.notices if (each.name, each.about) in due]
            late += [due[each.name, each.about] for each in given if each.on > due[each.name, each.about].due]
            wrong += [f"incident {incident.id}"] * len(late)
        return Finding(looked_at=looked_at, wrong=tuple(sorted(wrong)))

    return run


_AGREEMENTS: Final = Query(
    words="every request of the window names an agreement on record, and so does every other place on record with PHI",
    run=_calls_have_agreements,
)
_PURPOSES: Final = Query(
    words="every request of the window has a purpose, a policy version and the facts it was decided under",
    run=_calls_have_purposes,
)
_FOLLOWS: Final = Query(
    words="hashes, links and indices of the window follow one another, and the ledger takes entries",
    run=_entries_follow,
)
_NOTICES: Final = "no notice of an incident is late, given or not"

QUERIES: Final[Mapping[str, Query]] = MappingProxyType(
    {
        "HSR-306-d3": Query(
            words="every addressable specification has a decision that another person approved and that has not ended",
            run=_all_decided,
        ),
        "HSR-308-a2": Query(words="an active security officer has a credential", run=_has_security_officer),
        "HSR-308-a3-A": Query(words="who asked for access or got it did not decide", run=_access_by_others),
        "HSR-308-a3-C": Query(words="no live key's owner has left", run=_keys_end_with_their_owners),
        "HSR-308-a4": _PURPOSES,
        "HSR-308-b1": _AGREEMENTS,
        "HSR-308-b3": Query(
            words="every active agreement was activated by another person and has its document's hash",
            run=_agreements_by_two,
        ),
        "HSR-312-a2-i": Query(
            words="every request, change and reading of the window has an actor", run=_entries_have_actors
        ),
        "HSR-312-b": Query(
            words="the window's entries follow one another, the ledger takes more, and no alarm about it is open",
            run=_record_is_complete,
        ),
        "HSR-312-c1": _FOLLOWS,
        "HPR-502-a": _PURPOSES,
        "HPR-502-e": _AGREEMENTS,
        "HBN-402-4f": Query(words="a low probability rests on four factors and two people", run=_four_factors),
        "HBN-404-b": Query(words=_NOTICES, run=_notices_in_time("HBN-404-b")),
        "HBN-406": Query(words=_NOTICES, run=_notices_in_time("HBN-406")),
        "HBN-408-b": Query(words=_NOTICES, run=_notices_in_time("HBN-408-b")),
        "HBN-408-c": Query(words=_NOTICES, run=_notices_in_time("HBN-408-c")),
        "HBN-410": Query(words=_NOTICES, run=_notices_in_time("HBN-410")),
    }
)


def status_view(status: Status) -> dict[str, object]:
    """Return a status as it is shown; `prove` says how to prove a sample without trusting the server."""
    finding = status.finding
    samples = () if finding is None else finding.samples
    return {
        "id": status.control.id,
        "citation": status.control.citation,
        "title": status.control.title,
        "strength": status.control.strength.value,
        "is_unconfirmed": status.control.is_unconfirmed,
        "standing": status.standing.value,
        "because": status.because,
        "query": status.query,
        "looked_at": None if finding is None else finding.looked_at,
        "wrong": [] if finding is None else list(finding.wrong[:50]),
        "samples": [{"entry": each, "prove": f"wardkeep verify --prove {each} --out FILE"} for each in samples],
    }
