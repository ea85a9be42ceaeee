"""What a peer is: one file that can install itself, start against an upstream, and be stopped.

`install(env_dir)` makes the peer's own environment (again and again without harm) and returns the version it found;
`start(...)` returns once the processes run, not once they answer: the caller waits for a real 200. Either raises
`Unavailable` with the sentence that goes into the report; nothing is guessed for a peer that cannot run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.process import Spawned


class Unavailable(Exception):  # noqa: N818 - a state of a peer that the report prints, not a fault of the bench
    """This peer cannot be measured here; the sentence says why and goes into the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started peer: where to send the chat, with which headers, and the processes that are its cost."""

    url: str
    headers: Mapping[str, str]
    spawned: tuple[Spawned, ...]

    @property
    def pids(self) -> tuple[int, ...]:
        """The leaders of the peer's process trees."""
        return tuple(each.pid for each in self.spawned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a peer may write: its environment, and a directory for one run's configuration and logs."""

    env_dir: Path
    run_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One gateway under measurement. `env` names the environment it shares with another row."""

    name: str
    title: str
    install: Callable[[Path], str]
    start: Callable[[str, Place], Running]
    env: str = ""
