"""What can go wrong with a store, and who should do what about it.

    StoreError
    ├── StoreUnavailable   the caller refuses and tries again later; the operator looks at disk space, mode and health
    │   ├── StoreInUse         the operator stops the other process that has this store open
    │   └── OutcomeUnknown     the caller opens the store again and looks whether its batch stands
    ├── RequestNotOpen     the caller says nothing of it was recorded; somebody else has closed this request
    ├── EntryThere         the caller looks up what is stored under the ids it brings, and brings only what is new
    ├── StoreDamaged       a security officer runs `verify` on a copy, then restores; nothing is written any more
    └── StoreMismatch      the operator opened another program's file, or one of a later version

No message carries stored content.
"""


class StoreError(Exception):
    """Root of this package's errors; catch a subclass, by name, or this one where every failure means the same."""


class StoreUnavailable(StoreError):  # noqa: N818 - named for the state found
    """The store cannot be read or written now: full, read-only, I/O error. The outcome of a commit may be unknown."""


class StoreInUse(StoreUnavailable):
    """Another process holds this store; two writers would fork the log, so the second one is refused."""


class OutcomeUnknown(StoreUnavailable):
    """The store was lost while it committed: the batch stands whole or not at all, and only the store knows which."""


class RequestNotOpen(StoreError):  # noqa: N818
    """A request that this batch closes is not open; nothing of the batch was written."""


class EntryThere(StoreError):  # noqa: N818
    """A row of this batch is stored already; nothing of the batch was written."""


class StoreDamaged(StoreError):  # noqa: N818
    """The file is not a well-formed database; verify a copy and restore."""


class StoreMismatch(StoreError):  # noqa: N818
    """The file belongs to another program or version, or the SQLite library is too old to be safe."""
