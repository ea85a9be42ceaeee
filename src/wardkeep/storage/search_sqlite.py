"""The search index: what the ledger's headers say, by column, so that entries are found without reading all of them.

It holds nothing that the ledger does not hold and is never believed over it: whoever shows a result reads its leaf
first. So its commits are not synced one by one (a crash loses its newest rows, which are read again), and a file that
is damaged or of another version is thrown away and made anew. Subjects stand here by their blind index only.

Words (names of actors, vendors, reason codes, ...) are kept once and named by number. One connection, used by one
thread at a time.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from wardkeep.storage._sqlite import acquire_lock, close, connect, transaction, translated
from wardkeep.storage.errors import StoreDamaged, StoreError, StoreMismatch

APPLICATION_ID: Final = 0x57444B53  # "WDKS"
USER_VERSION: Final = 1

# The columns that hold words, in the order of `IndexRow.words`.
WORDS: Final = (
    "kind", "actor", "workspace", "purpose", "route", "vendor", "baa", "decision", "action", "person",
)  # fmt: skip
UNRESOLVED: Final = b""

_COLUMNS: Final = ("idx", "at_us", *WORDS, "subject", "call", "about")
_SCHEMA: Final = """
CREATE TABLE words(number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE found(
  idx INTEGER PRIMARY KEY, at_us INTEGER NOT NULL,
  kind INTEGER, actor INTEGER, workspace INTEGER, purpose INTEGER, route INTEGER, vendor INTEGER, baa INTEGER,
  decision INTEGER, action INTEGER, person INTEGER,
  subject BLOB, call INTEGER, about INTEGER
);
CREATE INDEX found_subject ON found(subject) WHERE subject IS NOT NULL;
CREATE INDEX found_call ON found(call) WHERE call IS NOT NULL;
CREATE INDEX found_about ON found(about) WHERE about IS NOT NULL;
CREATE TABLE state(one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, leaf BLOB NOT NULL);
INSERT INTO state VALUES(1, 0, X'');
"""
_HOUR_US: Final = 3_600_000_000
_NAMES_SUBJECT: Final = " AND subject IS NOT NULL AND subject != X''"
# Whose activity an entry is: the person a call is made for, else who called.
_WHO: Final = (
    "coalesce('person:' || (SELECT word FROM words WHERE number = person),"
    " (SELECT word FROM words WHERE number = actor), 'unknown')"
)
_AMONG: Final = " IN (SELECT value FROM json_each(?))"
_CHUNKS: Final = (128, 32, 8, 1)
_ONE_ROW: Final = f"({','.join('?' * len(_COLUMNS))})"
_INSERT_SQL: Final = {n: "INSERT INTO found VALUES" + ",".join([_ONE_ROW] * n) for n in _CHUNKS}

Words: TypeAlias = tuple[str | None, ...]


class IndexRow(NamedTuple):
    """What the index says of one entry. `call` is the index of the request it belongs to, `about` of what it opened."""

    idx: int
    at_us: int
    words: Words
    subject: bytes | None
    call: int | None
    about: int | None


class Busy(NamedTuple):
    """How much somebody did in an hour (or on a day that begins with it); `first` is the first such entry."""

    actor: str | None
    person: str | None
    hour: int
    times: int
    first: int


class NewSubjects(NamedTuple):
    """Whose entries name so many `subjects` for the first time, from entry `first` on, and how many subjects before."""

    who: str
    subjects: int
    first: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which entries: `above` <= idx < `below`, since <= at < until, and each named column one of its words.

    `subject` is a blind index; `UNRESOLVED` finds calls that named nobody. `calls` and `abouts` narrow to entries that
    belong to, or opened, one of these entries.
    """

    below: int
    above: int = 0
    since_us: int | None = None
    until_us: int | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subject: bytes | None = None
    calls: tuple[int, ...] | None = None
    abouts: frozenset[int] | None = None


class SearchFile:
    """The open index. Every method may block on the disk and raises StoreUnavailable or StoreDamaged."""

    __slots__ = ("_connection", "_lock", "_number_of", "_path", "_word_of")

    def __init__(self, path: Path) -> None:
        """Open or create; a damaged index, or one of another version, is removed and begun anew.

        Raises:
            StoreInUse: another process has it open.
        """
        self._path = path
        self._lock: int | None = acquire_lock(path)
        try:
            try:
                self._open()
            except (StoreDamaged, StoreMismatch):
                self._remove()
                self._open()
        except BaseException:
            self._release()
            raise

    def state(self) -> tuple[int, bytes]:
        """Return (entries indexed, leaf hash of the last one)."""
        with translated():
            size, leaf = self._connection.execute("SELECT size, leaf FROM state").get
        return int(size), bytes(leaf)

    def add(self, rows: Sequence[IndexRow], *, size: int, leaf: bytes) -> None:
        """Add the rows of the entries that follow, in one transaction; `leaf` is the last one's hash."""
        try:
            with translated(), transaction(self._connection):
                values = [self._stored(row) for row in rows]
                at = 0
                for count in _CHUNKS:
                    while len(values) - at >= count:
                        flat = [value for row in values[at : at + count] for value in row]
                        self._connection.execute(_INSERT_SQL[count], flat)
                        at += count
                self._connection.execute("UPDATE state SET size = ?, leaf = ?", (size, leaf))
        except StoreError:
            # Words that went back with the transaction must not stay in memory.
            self._load_words()
            raise

    def clear(self) -> None:
        """Forget all rows; they are read from the ledger again."""
        with translated(), transaction(self._connection):
            self._connection.execute("DELETE FROM found; UPDATE state SET size = 0, leaf = X''")

    def rows(self, start: int, stop: int) -> list[IndexRow]:
        """Return the rows with start <= idx < stop, in order: to be compared with their leaves."""
        sql = f"SELECT {','.join(_COLUMNS)} FROM found WHERE idx >= ? AND idx < ? ORDER BY idx"  # noqa: S608 - names of ours
        with translated():
            return [self._row(row) for row in self._connection.execute(sql, (start, stop))]

    def select(self, criteria: Criteria, most: int, *, is_oldest_first: bool = False) -> list[int]:
        """Return indices of entries that fit, newest first."""
        where, values = self._where(criteria)
        if where is None:
            return []
        order = "ASC" if is_oldest_first else "DESC"
        sql = f"SELECT idx FROM found WHERE {where} ORDER BY idx {order} LIMIT ?"  # noqa: S608 - fragments of ours
        with translated():
            return [row[0] for row in self._connection.execute(sql, (*values, most))]

    def count(self, criteria: Criteria) -> int:
        """Return how many entries fit."""
        where, values = self._where(criteria)
        if where is None:
            return 0
        with translated():
            return int(self._connection.execute(f"SELECT count(*) FROM found WHERE {where}", values).get)  # noqa: S608

    def tally(self, criteria: Criteria, columns: Sequence[str]) -> list[tuple[Words, int, int, int]]:
        """Return (words of the columns, how many, first and last `at_us`) of the entries that fit, most first.

        Raises ValueError for a column that holds no words.
        """
        if not set(columns) <= set(WORDS):
            raise ValueError("only columns of words are tallied")
        where, values = self._where(criteria)
        if where is None:
            return []
        named = ",".join(columns)
        sql = (
            f"SELECT {named}, count(*), min(at_us), max(at_us) FROM found WHERE {where} "  # noqa: S608 - names of ours
            f"GROUP BY {named} ORDER BY count(*) DESC"
        )
        with translated():
            found: list[Any] = self._connection.execute(sql, values).fetchall()
        width = len(columns)
        return [(tuple(map(self._word, row[:width])), row[width], row[width + 1], row[width + 2]) for row in found]

    def subjects(self, criteria: Criteria) -> tuple[frozenset[bytes], int, int]:
        """Return whom the entries that fit name, how many entries fit, and how many of them name nobody."""
        where, values = self._where(criteria)
        if where is None:
            return frozenset(), 0, 0
        counted = f"SELECT count(*), count(*) FILTER (WHERE subject IS NULL OR subject = X'') FROM found WHERE {where}"  # noqa: S608 - fragments of ours
        # By the subjects' index each row would be fetched by itself: ten times as long over all entries.
        named = f"SELECT DISTINCT subject FROM found NOT INDEXED WHERE {where}{_NAMES_SUBJECT}"  # noqa: S608 - fragments of ours
        with translated():
            count, nameless = self._connection.execute(counted, values).get
            return frozenset(bytes(row[0]) for row in self._connection.execute(named, values)), count, nameless

    def new_subjects(self, criteria: Criteria, least: int) -> list[NewSubjects]:
        """Return who has entries from `above` on about at least so many subjects that their earlier ones never name.

        Who has no earlier entry about a subject is left out. Only what is returned is ever held here: the history is
        read where it stands.
        """
        where, values = self._where(criteria)
        if where is None:
            return []
        earlier, known = self._where(replace(criteria, above=0, below=criteria.above))
        # Fragments of ours; each subject's own earlier entries are few, and found by its index.
        sql = f"""
            WITH now AS (
              SELECT {_WHO} AS who, subject AS about_whom, min(idx) AS first
              FROM found WHERE {where}{_NAMES_SUBJECT} GROUP BY who, about_whom)
            SELECT who, count(*), min(first) FROM now WHERE NOT EXISTS (
              SELECT 1 FROM found INDEXED BY found_subject
              WHERE subject = about_whom AND {earlier} AND {_WHO} = now.who)
            GROUP BY who HAVING count(*) >= ?"""  # noqa: S608 - fragments of ours
        usual = f"""
            SELECT {_WHO} AS who, count(DISTINCT subject) FROM found
            WHERE {earlier}{_NAMES_SUBJECT} AND {_WHO} IN (SELECT value FROM json_each(?)) GROUP BY who
            """  # noqa: S608 - fragments of ours
        with translated():
            fresh: list[Any] = self._connection.execute(sql, (*values, *known, least)).fetchall()
            if not fresh:
                return []
            names = json.dumps([who for who, _, _ in fresh])
            counted: list[Any] = self._connection.execute(usual, (*known, names)).fetchall()
        before = dict(counted)
        return [NewSubjects(who, count, first, before[who]) for who, count, first in fresh if who in before]

    def busy(self, criteria: Criteria, offset_us: int) -> list[Busy]:
        """Return how many entries fit by who and hour; hours are counted from 1970 in a zone with this offset."""
        columns = f"actor, person, (at_us + ?) / {_HOUR_US} AS hour, count(*), min(idx)"
        rows = self._grouped(criteria, columns, "actor, person, hour", (offset_us,), "")
        return [Busy(self._word(row[0]), self._word(row[1]), row[2], row[3], row[4]) for row in rows]

    def subjects_a_day(self, criteria: Criteria, offset_us: int) -> list[Busy]:
        """Return how many different subjects fit by who and day; `hour` is the day's first."""
        columns = f"actor, person, (at_us + ?) / {24 * _HOUR_US} AS day, count(DISTINCT subject), min(idx)"
        rows = self._grouped(criteria, columns, "actor, person, day", (offset_us,), _NAMES_SUBJECT)
        return [Busy(self._word(row[0]), self._word(row[1]), row[2] * 24, row[3], row[4]) for row in rows]

    def _grouped(self, criteria: Criteria, columns: str, groups: str, first: tuple[int, ...], also: str) -> list[Any]:
        where, values = self._where(criteria)
        if where is None:
            return []
        sql = f"SELECT {columns} FROM found WHERE {where}{also} GROUP BY {groups}"  # noqa: S608 - fragments of ours
        with translated():
            return self._connection.execute(sql, (*first, *values)).fetchall()

    def close(self) -> None:
        """Release file and lock. Safe to call twice."""
        if self._lock is not None:
            close(self._connection)
            self._release()

    def _open(self) -> None:
        self._connection = connect(
            self._path, application_id=APPLICATION_ID, user_version=USER_VERSION, schema=_SCHEMA, vfs=None
        )
        self._word_of: dict[int, str] = {}
        self._number_of: dict[str, int] = {}
        try:
            with translated():
                self._connection.pragma("synchronous", 1)
            self._load_words()
            self.state()
        except StoreError:
            close(self._connection)
            raise

    def _load_words(self) -> None:
        self._word_of.clear()
        self._number_of.clear()
        with translated():
            rows = list(self._connection.execute("SELECT number, word FROM words"))
        self._word_of.update(rows)
        self._number_of.update((word, number) for number, word in rows)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _stored(self, row: IndexRow) -> tuple[int | bytes | None, ...]:
        # Most words were seen before: one look-up each, and a function call only for a new one.
        known = self._number_of
        numbers = [None if word is None else known.get(word) or self._number(word) for word in row.words]
        return (row.idx, row.at_us, *numbers, row.subject, row.call, row.about)

    def _row(self, row: Sequence[Any]) -> IndexRow:
        idx, at_us, *rest = row
        subject, call, about = rest[len(WORDS) :]
        return IndexRow(idx, at_us, tuple(map(self._word, rest[: len(WORDS)])), subject, call, about)

    def _word(self, number: object) -> str | None:
        return self._word_of.get(number) if isinstance(number, int) else None

    def _number(self, word: str) -> int:
        """Return a new word's number, made within the transaction of its first row (see `add`)."""
        self._connection.execute("INSERT OR IGNORE INTO words(word) VALUES(?)", (word,))
        number = int(self._connection.execute("SELECT number FROM words WHERE word = ?", (word,)).get)
        self._number_of[word], self._word_of[number] = number, word
        return number

    def _where(self, criteria: Criteria) -> tuple[str | None, tuple[int | bytes | str, ...]]:
        """Return the condition and its values; None when a word was never seen, so that nothing fits."""
        parts: list[tuple[str, int | bytes | str]] = list(_bounds(criteria))
        for column, words in criteria.words.items():
            if column not in WORDS:
                raise ValueError("there is no such column")
            numbers = [self._number_of[word] for word in words if word in self._number_of]
            if not numbers:
                return None, ()
            parts.append((column + _AMONG, _listed(numbers)))
        return " AND ".join(part for part, _ in parts), tuple(value for _, value in parts)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _bounds(criteria: Criteria) -> Iterator[tuple[str, int | bytes | str]]:
    yield "idx < ?", criteria.below
    if criteria.above:
        yield "idx >= ?", criteria.above
    if criteria.since_us is not None:
        yield "at_us >= ?", criteria.since_us
    if criteria.until_us is not None:
        yield "at_us < ?", criteria.until_us
    if criteria.subject is not None:
        yield "subject = ?", criteria.subject
    if criteria.calls is not None:
        yield "call" + _AMONG, _listed(criteria.calls)
    if criteria.abouts is not None:
        yield "about" + _AMONG, _listed(criteria.abouts)


def _listed(numbers: Iterable[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"
