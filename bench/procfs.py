"""CPU and memory of a process tree, read from /proc (Linux).

A peer is everything in the sessions it was started in, and every descendant. CPU is utime + stime of the living plus
cutime + cstime, which hold their children that exited and were waited for. Memory is the sum of PSS, so that pages
shared by forked workers count once; where the kernel does not offer PSS the sum of RSS is taken, and said so.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stat:
    pid: int
    parent: int
    session: int
    ticks: int


@dataclass(slots=True, kw_only=True)
class Peak:
    """The highest memory seen so far; filled in by the thread of `watch_memory`."""

    bytes: int = 0
    kind: str = "PSS"


def members(roots: tuple[int, ...]) -> list[_Stat]:
    """Every process of the trees that `roots` lead (each the leader of its own session)."""
    every = [stat for entry in _PROC.iterdir() if entry.name.isdigit() and (stat := _read_stat(int(entry.name)))]
    found = {stat.pid for stat in every if stat.pid in roots or stat.session in roots}
    while True:
        more = {stat.pid for stat in every if stat.parent in found} - found
        if not more:
            return [stat for stat in every if stat.pid in found]
        found |= more


def cpu_seconds(roots: tuple[int, ...]) -> float:
    """CPU time of the trees so far, exited and reaped children included."""
    return sum(stat.ticks for stat in members(roots)) / _TICKS


def machine_busy_seconds() -> tuple[float, float]:
    """Busy and stolen CPU time of the whole machine so far, all cores added."""
    fields = [int(field) for field in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq) / _TICKS, steal / _TICKS


@contextmanager
def watch_memory(roots: tuple[int, ...], *, every_seconds: float = 0.5) -> Iterator[Peak]:
    """Sample the trees' memory while the block runs, at its start and at its end."""
    peak = Peak()
    done = threading.Event()

    def watch() -> None:
        while True:
            _sample(roots, peak)
            if done.wait(every_seconds):
                _sample(roots, peak)
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _sample(roots: tuple[int, ...], peak: Peak) -> None:
    total = 0
    for stat in members(roots):
        try:
            rollup = (_PROC / str(stat.pid) / "smaps_rollup").read_text()
            total += next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
        except ProcessLookupError:
            continue
        except (OSError, StopIteration):
            peak.kind = "RSS"
            total += _rss(stat.pid)
    peak.bytes = max(peak.bytes, total)


def _rss(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _read_stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None  # it ended between the listing and the reading
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return _Stat(
        pid=pid, parent=int(fields[1]), session=int(fields[3]), ticks=sum(int(field) for field in fields[11:15])
    )
