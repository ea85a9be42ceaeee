"""What can go wrong with a store, and who should do what about it.

    StoreError
    ├── StoreUnavailable   the caller refuses and tries again later; the operator looks at disk space, mode and health
    ├── StoreInUse         the operator stops the other process that has this store open
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


class EntryThere(StoreError):  # noqa: N818
    """A row of this batch is stored already; nothing of the batch was written."""


class StoreDamaged(StoreError):  # noqa: N818
    """The file is not a well-formed database; verify a copy and restore."""


class StoreMismatch(StoreError):  # noqa: N818
    """The file belongs to another program or version, or the SQLite library is too old to be safe."""
