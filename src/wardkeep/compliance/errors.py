"""What the compliance core raises: each class says who should do what.

    ComplianceError
     +- NotAllowed        the person asking reads the sentence and does what `fix` says
     +- RecordUnreadable  the operator restores the control store, or deletes it so that it is replayed from the ledger
     +- ControlAhead      a security officer finds out who cut or rolled back the ledger; nothing starts before
     +- BackupUnusable    the operator takes another backup, or brings the seal or root that belongs to it
     +- EntryUnopenable   the operator finds the epoch key, or a security officer runs `wardkeep verify` on a copy
     |   +- EntryShredded   nobody: the subject's key was destroyed, by two people and on record
     |   +- EntryKeyMissing the operator restores with the seal that belongs to the backup

No sentence here repeats free text that a caller sent: ids are shown only after they matched the id grammar.
"""

from typing import Final


class ComplianceError(Exception):
    """Base of this package's errors."""


class NotAllowed(ComplianceError):  # noqa: N818 - the name is the sentence's verb
    """A change that a rule forbids. Whoever asked does what `fix` says; nothing was changed.

    `code` is stable for programs, `status` the HTTP status of the control API.
    """

    def __init__(self, code: str, *, what: str, why: str, fix: str, status: int = 403) -> None:
        super().__init__(f"{what} {why} {fix}")
        self.code: Final = code
        self.what: Final = what
        self.why: Final = why
        self.fix: Final = fix
        self.status: Final = status


class RecordUnreadable(ComplianceError):  # noqa: N818
    """A stored control record cannot be read. The operator restores `control.db`, or removes it to be replayed."""


class ControlAhead(ComplianceError):  # noqa: N818
    """The control store knows of a later change than the ledger: the ledger was cut or restored from an old copy."""


class EntryUnopenable(ComplianceError):  # noqa: N818
    """A sealed payload does not open: its epoch key is not here, or it is not what was sealed."""


class BackupUnusable(ComplianceError):  # noqa: N818
    """A backup is not what its manifest says, or cannot be opened with what was given; take another one."""


class EntryShredded(EntryUnopenable):
    """A sealed payload whose subject's key was destroyed: `wardkeep shred list` says when, by whom and why."""


class EntryKeyMissing(EntryUnopenable):
    """A sealed payload whose subject's key is not here, not destroyed either: not restored without a seal."""
