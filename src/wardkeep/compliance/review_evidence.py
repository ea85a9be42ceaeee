"""What a review of access leaves behind: who confirmed what and when, each line with its ledger entry.

45 CFR 164.308(a)(4)(ii)(C), 164.316(b)(1)(ii). Made from the records alone, which are the ledger's reduction; each
entry can be proved without trusting the server (`wardkeep verify --prove INDEX`).
"""

import csv
import io
import re
from collections import Counter
from datetime import datetime
from typing import Any, Final

import msgspec

from wardkeep.compliance.access_reviews import find, items_in, name_of
from wardkeep.model.access_review import ItemState, ReviewCampaign, ReviewItem
from wardkeep.model.registry import Registry

COLUMNS: Final = (
    "item", "kind", "subject", "part", "reviewer", "handed_on_by", "escalated_to", "suggestion", "last_used_at",
    "state", "decided_by", "decided_at", "grace_until", "ledger_entry",
)  # fmt: skip
_POINTER: Final = re.compile(r"see ledger entry (\d+)")


def campaign_view(registry: Registry, campaign: ReviewCampaign) -> dict[str, Any]:
    """Return a campaign as it is listed: where it stands, and how many items of each state it has."""
    states = Counter(item.state.value for item in items_in(registry, campaign.id))
    plain: dict[str, Any] = msgspec.to_builtins(campaign, order="deterministic")
    notices = [{"at": each["at"], "kind": each["kind"], "undecided": each["undecided"], "ledger_entry": entry_of(
        each["words"])} for each in plain.pop("notices")]  # fmt: skip
    opened, closed = entry_of(plain.pop("words")), entry_of(plain.pop("closed_words"))
    return {**plain, "opened_entry": opened, "closed_entry": closed, "notices": notices, "items": dict(states)}


def item_view(item: ReviewItem) -> dict[str, Any]:
    """Return an item as it is shown."""
    return {
        "item": name_of(item),
        "kind": item.kind.value,
        "subject": item.subject,
        "part": item.part,
        "reviewer": item.reviewer,
        "handed_on_by": list(item.passed_on),
        "escalated_to": item.escalated_to,
        "suggestion": None if item.suggestion is None else item.suggestion.value,
        "last_used_at": _at(item.last_used_at),
        "state": item.state.value,
        "decided_by": item.decided_by,
        "decided_at": _at(item.decided_at),
        "grace_until": _at(item.grace_until),
        "is_treatment": item.is_treatment,
        "ledger_entry": entry_of(item.words),
    }


def evidence(registry: Registry, campaign: str) -> dict[str, Any]:
    """Return the evidence of a campaign. Raises NotAllowed when there is none."""
    found = find(registry, campaign)
    items = items_in(registry, campaign)
    shown = [item_view(item) for item in items]
    told = campaign_view(registry, found)
    entries = {told["opened_entry"], told["closed_entry"], *(each["ledger_entry"] for each in told["notices"])}
    entries |= {each["ledger_entry"] for each in shown}
    return {
        "review": told,
        "is_complete": found.closed_at is not None and all(item.state is not ItemState.GRACE for item in items),
        "items": shown,
        "ledger_entries": sorted(each for each in entries if each is not None),
    }


def as_csv(told: dict[str, Any]) -> str:
    """Return the items of `evidence` as a table; no cell can be a formula, because names have a grammar."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in told["items"]:
        writer.writerow([" ".join(cell) if isinstance(cell := item[name], list) else cell for name in COLUMNS])
    return sink.getvalue()


def entry_of(words: str | None) -> int | None:
    """Return the ledger entry that a pointer names."""
    found = _POINTER.fullmatch(words) if words is not None else None
    return int(found.group(1)) if found is not None else None


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
