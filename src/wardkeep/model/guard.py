"""What is watched for in prompts and answers, and what happens then, as values.

A signal is evidence and never proof: text that asks a model to break its rules can be quoted, reported or discussed.
So each watch has an action, and what nobody decided is flagged, not refused.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Origin(StrEnum):
    """Where a text of a request comes from. Whoever wrote the text of a document or tool result is not the caller."""

    SYSTEM = "system"
    USER = "user"
    HISTORY = "history"
    TOOL = "tool"
    DOCUMENT = "document"


class Watch(StrEnum):
    """What is watched for. The values stand in records and are never renamed."""

    INJECTION = "injection"
    LINKS = "links"
    PAYLOADS = "payloads"
    LEAK = "leak"
    REVEALS = "reveals"


class GuardAction(StrEnum):
    """What happens on a find, from the mildest to the strictest; each is recorded but the first."""

    OFF = "off"
    FLAG = "flag"
    MASK = "mask"
    APPROVE = "approve"
    BLOCK = "block"


STRICTNESS: Final = {action: rank for rank, action in enumerate(GuardAction)}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardTerms:
    """What is done on each watch's find.

    `links` are answers' links with identifiers of the call in them, `payloads` those that could carry something
    (encoded runs, long queries, remote images), `leak` the system prompt in an answer. `marked` plants a mark in the
    system prompt that shows such a leak surely, at the price of the vendor's prompt cache. `hosts` may be told
    anything. `reveals` are identifiers in an answer that the request did not have; every answer is then read like a
    request, so it is off until somebody decides.
    """

    injection: GuardAction = GuardAction.FLAG
    links: GuardAction = GuardAction.BLOCK
    payloads: GuardAction = GuardAction.FLAG
    leak: GuardAction = GuardAction.FLAG
    marked: bool = False
    hosts: frozenset[str] = frozenset()
    reveals: GuardAction = GuardAction.OFF

    def action(self, watch: Watch) -> GuardAction:
        """Return what is done on a find of this watch."""
        return GuardAction(getattr(self, watch.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The terms of one route (`route/MODEL`) or workspace (`workspace/ID`).

    Weaker terms are proposed by one person and hold when another says the same; `proposed_under` is as in `Agreement`.
    """

    id: str
    terms: GuardTerms
    set_by: str
    proposed: GuardTerms | None = None
    proposed_by: str | None = None
    proposed_under: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptApproval:
    """One request that was held, and may be sent as it was by the same key until `until` (Unix seconds).

    `id` is the keyed tag of the request's bytes; `entry` the ledger entry of its refusal.
    """

    id: str
    entry: int
    approved_by: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in one call: signal codes, strongest first, and a score. No text."""

    signals: tuple[str, ...] = ()
    score: int = 0
    spans: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
