"""Conversations of the assistant while they last: in memory, each for its person alone, and bounded.

The record is the ledger, where every turn is sealed. What is here ends when its person is idle, or the instance stops:
nothing of it is written anywhere else.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

MOST_CHATS: Final = 300
MOST_TURNS: Final = 40
MOST_TEXT: Final = 100_000
IDLE_US: Final = 3600 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message. `sent` is what the model saw of it, `shown` the text with what was found marked.

    `notice` is the statement that goes with the answer (42 CFR 2.32(a)). `file` is what its person calls a file that
    came with it, `read` the file's text, `file_sees` that as the model saw.
    """

    role: str
    text: str = field(repr=False)
    shown: Markup = field(repr=False)
    sent: str | None = field(default=None, repr=False)
    index: int | None = None
    notice: str | None = None
    file: str | None = field(default=None, repr=False)
    read: str | None = field(default=None, repr=False)
    file_sees: Markup | None = field(default=None, repr=False)


@dataclass(slots=True, kw_only=True)
class Chat:
    """One conversation: purpose and patient are chosen once."""

    id: str
    person: str
    key: str
    model: str
    purpose: str
    subject: str | None
    hide: tuple[str, ...] = field(repr=False)
    turns: list[Turn] = field(default_factory=list, repr=False)
    used_us: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it may not grow: each turn sends all before it again."""
        return (
            len(self.turns) >= MOST_TURNS
            or sum(len(turn.text) + len(turn.read or "") for turn in self.turns) >= MOST_TEXT
        )


class Chats:
    """All conversations of an instance. The oldest is forgotten when there are too many."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Chat] = OrderedDict()

    def keep(self, chat: Chat, now_us: int) -> None:
        """Keep a conversation, newest last."""
        chat.used_us = now_us
        self._held.pop(chat.id, None)
        self._held[chat.id] = chat
        while len(self._held) > MOST_CHATS:
            self._held.popitem(last=False)

    def of(self, person: str, now_us: int) -> list[Chat]:
        """Return a person's conversations, newest first."""
        self.expire(now_us)
        return [chat for chat in reversed(self._held.values()) if chat.person == person]

    def find(self, identifier: str, person: str, now_us: int) -> Chat | None:
        """Return one of the person's own; somebody else's is as unknown as none."""
        self.expire(now_us)
        chat = self._held.get(identifier)
        return chat if chat is not None and chat.person == person else None

    def end(self, identifier: str, person: str) -> None:
        """Forget one of the person's own."""
        chat = self._held.get(identifier)
        if chat is not None and chat.person == person:
            del self._held[identifier]

    def end_all(self, person: str) -> None:
        """Forget all of a person's: they signed out."""
        for name in [name for name, chat in self._held.items() if chat.person == person]:
            del self._held[name]

    def people(self) -> frozenset[str]:
        """Return whose conversations are held."""
        return frozenset(chat.person for chat in self._held.values())

    def expire(self, now_us: int) -> None:
        """Forget every conversation whose person is idle."""
        for name in [name for name, chat in self._held.items() if now_us - chat.used_us > IDLE_US]:
            del self._held[name]
