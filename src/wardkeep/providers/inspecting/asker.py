"""One conversation with a vendor's interface for administrators: bounded questions, and words for what fails.

Every failure is something said with no meaning: unreachable, refused and unreadable are inconclusive, never a pass.
Blocks; it is called in a thread. What is asked names deployments and accounts, never content of a call.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from wardkeep.crypto.mac import sha256
from wardkeep.model.inspection import Aspect, Inspection, Said
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Deployment
from wardkeep.model.sensitive import Secret
from wardkeep.transport.asking import Question, ask
from wardkeep.transport.errors import TransportError
from wardkeep.transport.pool import Origin

_SECONDS: Final = 5.0
# The whole conversation, so that whoever asked for the check still waits for its answer.
_ALL_SECONDS: Final = 20.0
_MOST_WORDS: Final = 120

Headers = tuple[tuple[str, str | Secret[str]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a JSON object with its status, or `failed` says in words why there is none."""

    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    failed: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether there is an object to read."""
        return self.failed is None and self.status == 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks about one deployment. `credential` is the inspection's own, else the deployment's."""

    deployment: Deployment
    inspection: Inspection
    credential: Secret[str] | None
    clock: Callable[[], Instant]
    origin: Callable[[str], Origin]
    began_ns: int

    def base(self, usual: str) -> str:
        """Return the interface's address: what is on record for it, else the usual one."""
        return (self.inspection.base_url or usual).rstrip("/")

    def named(self, name: str) -> str:
        """Return a name of the account that paths want; empty when it is not on record."""
        return self.inspection.account.get(name, "")

    def get(self, url: str, headers: Headers = ()) -> Answer:
        """Ask with GET."""
        return self.ask("GET", url, headers)

    def ask(self, method: str, url: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Return the answer, or why there is none."""
        if (self.clock().mono_ns - self.began_ns) / 1e9 > _ALL_SECONDS:
            return Answer(failed="no time left to ask")
        origin = self.origin(url)
        path = url[len(_origin_part(url)) :] or "/"
        question = Question(
            origin=Origin(url=_origin_part(url), tls=origin.tls, is_plain_allowed=origin.is_plain_allowed),
            method=method,
            path=path,
            headers=headers,
            body=body,
            seconds=_SECONDS,
        )
        try:
            status, raw = ask(question)
        except (TransportError, OSError, ssl.SSLError) as error:
            return Answer(failed=f"not reachable ({type(error).__name__})")
        return read_answer(status, raw)


def read_answer(status: int, raw: bytes) -> Answer:
    """Return a JSON object with its status; an error's words are not kept, they are anybody's."""
    if status != 200:
        return Answer(status=status, failed=f"answered {status}")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        return Answer(status=status, failed="answered what is no JSON object")
    return Answer(status=status, body=body)


def words_of(value: object) -> str:
    """Return a vendor's word as it may be kept: one bounded line of printable ASCII."""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text)[:_MOST_WORDS] or "nothing"


def mark_of(settings: object) -> str:
    """Return what tells one vendor's settings from any other: accepted words hold for exactly these (96 bits)."""
    return f"#{sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)).hex()[:24]}"


def unlearned(aspect: Aspect, why: str) -> Said:
    """Return that something could not be learned."""
    return Said(aspect=aspect, means=None, words=words_of(why))


def read(aspect: Aspect, answer: Answer, member: str, means: dict[str, str]) -> Said:
    """Return what a member of an answer says by a table of meanings; a word that is not in it has none."""
    if not answer.is_good:
        return unlearned(aspect, answer.failed or "nothing")
    value = answer.body.get(member)
    if not isinstance(value, str):
        return unlearned(aspect, f"{member} is not told")
    return Said(aspect=aspect, means=means.get(value), words=words_of(f"{member}: {value}"))


def _origin_part(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
