"""Going on with a ledger that lost entries (45 CFR 164.308(a)(7)(ii)(B), 164.312(c)(1)).

After a disaster the newest ledger may be gone, and the copy that is left is older than what witnesses have cosigned. To
go on is to accept that records are missing. Two officers say so, each with their own credential; what is missing is
stated in an entry, the first of the restored log, that no later restore can hide from the witnesses.
"""

from collections.abc import Mapping

from wardkeep.audit.ledger import Ledger
from wardkeep.compliance.entries import EntryMaker
from wardkeep.compliance.records import encode_payload, stored
from wardkeep.compliance.terms import clean_reason, require
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.storage.control_sqlite import ControlFile

ACTION = "restore.acknowledge"


async def acknowledge_restore(
    *,
    ledger: Ledger,
    store: ControlFile,
    entries: EntryMaker,
    registry: Registry,
    by: Person,
    other: Person,
    reason: str,
    missing: Mapping[str, int],
) -> int:
    """Record that entries are missing and that two officers go on all the same; return the entry's index.

    `missing` is, by witness, the size that it remembers.

    Raises:
        NotAllowed: one of them is no officer, they do not count as two, or the reason is not one line.
        LedgerUnavailable: the entry could not be made durable.
    """
    words = clean_reason(reason)
    for each in (by, other):
        require(each, Permission.AGREEMENT_ACTIVATE)
        check_established(each)
    note = second_person(registry, by, other.id, under=other.access_by, deed="acknowledges with you")
    head = await ledger.head()
    detail: dict[str, str | int | bool] = {
        "action": ACTION,
        "second": f"person:{other.id}",
        "from": head.size,
        "remembered": max(missing.values(), default=head.size),
        "witnesses": len(missing),
    }
    if note is not None:
        detail["note"] = note
    draft = entries.draft(
        "control",
        actor=f"person:{by.id}",
        detail=detail,
        payload=encode_payload(ACTION, words, ()),
        facts_epoch=registry.epoch,
    )

    def apply_at(index: int) -> None:
        store.apply(index, *stored(()))

    return (await ledger.append_control(draft, apply_at)).index
