"""What can go wrong with the ledger, and who should do what about it.

    LedgerError
    ├── DraftMalformed        a programmer mends the caller: the draft breaks the entry format
    ├── EntryConflict         a programmer mends the caller: one id, two different entries
    ├── StaleFacts            the caller gathers facts again and repeats decision and routing
    ├── LedgerUnavailable     the caller refuses; the operator looks at the disk
    │   └── LedgerTimeout     the same, with an unknown outcome: the entry may yet appear
    ├── ControlNotApplied     the operator restarts: the entry stands, its effect is replayed at start
    ├── LedgerDamaged         a security officer runs `wardkeep verify` on a copy; nothing starts on a damaged log
    ├── WitnessDisagrees      two people find out which log is the true one; nothing starts until a witness agrees again
    ├── WitnessUnreachable    the operator starts the witness or mends the way to it
    ├── WitnessMisconfigured  the operator corrects the policy file or the witness's own files
    ├── TimestampRefused      the operator looks at the authority's address and roots; heads go unstamped meanwhile
    ├── ArchiveRefused        the operator looks at the archive's place; nothing is lost, it is tried again
    ├── ProofInvalid          whoever relied on the proof treats the statement as unproven
    └── NoteInvalid           whoever relied on the checkpoint treats it as unproven

No message carries anything from an entry but its index.
"""


class LedgerError(Exception):
    """Root of this package's errors; catch a subclass, by name."""


class DraftMalformed(LedgerError):  # noqa: N818 - named for the state found
    """The draft breaks the entry format; the caller's code is wrong."""


class EntryConflict(LedgerError):  # noqa: N818
    """An entry with this id and other content is stored; ids are never used twice."""


class StaleFacts(LedgerError):  # noqa: N818
    """A control entry is newer than the facts this draft was decided on; gather facts again, at most three times."""


class LedgerUnavailable(LedgerError):  # noqa: N818
    """The ledger cannot be written now; refuse the call. Nothing was acknowledged."""


class LedgerTimeout(LedgerUnavailable):
    """The commit did not return in time; refuse the call. The entry may still appear, then closed as aborted."""


class ControlNotApplied(LedgerError):  # noqa: N818
    """A control entry is durable but its effect failed; every call is stale until a restart replays it."""


class LedgerDamaged(LedgerError):  # noqa: N818
    """The stored log contradicts itself or its signature; `index` is the first entry that is wrong, when known."""

    def __init__(self, message: str, *, index: int | None) -> None:
        super().__init__(message)
        self.index = index


class WitnessDisagrees(LedgerError):  # noqa: N818
    """A witness remembers a longer log, or another history: this one was cut, restored from a copy, or forged."""


class WitnessUnreachable(LedgerError):  # noqa: N818
    """Too few witnesses answer for what the policy asks."""


class WitnessMisconfigured(LedgerError):  # noqa: N818
    """The policy, or a witness's own state, cannot be used as it is."""


class TimestampRefused(LedgerError):  # noqa: N818
    """The time-stamping authority gave no stamp that verifies; tried again later."""


class ArchiveRefused(LedgerError):  # noqa: N818
    """The archive did not take a file, or holds another one under its name; tried again later."""


class ProofInvalid(LedgerError):  # noqa: N818
    """An inclusion or consistency proof does not prove the statement."""


class NoteInvalid(LedgerError):  # noqa: N818
    """A checkpoint's text or signature is not what the format or the key demands."""
