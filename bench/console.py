"""What the console costs in a large organisation: CPU of the server and bytes, page by page, as each kind of person.

    .venv/bin/python bench/console.py [--entries 1000000] [--people 5000] [--keep DIR] [--rounds 5]

Goal: every page at most 300 ms of server CPU and 150 kB transferred. Pages are the console's own list
(`wardkeep.web.pages.ROUTES`), each with the address that costs most; one without an address here fails the run. CPU is
that of all threads of the serving process (/proc/PID/task/*/schedstat), the median of the rounds; what the process does
beside pages meanwhile is in it. Writes `bench/out/console.md`.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import console_store
from wardkeep.demo.instance import FIRST, Instance
from wardkeep.web.pages import ROUTES, SESSION_COOKIE

GOAL_MS, GOAL_BYTES = 300.0, 150_000
_OUT = Path(__file__).resolve().parent / "out"
# Pages with a part in their address, and the addresses of others that cost more than the bare page.
PLACES = {
    "/ledger/{}": ("/ledger/{middle}", "/ledger/{middle}?check=1"),
    "/incidents/{}": ("/incidents/inc-000",),
    "/assistant/{}": ("/assistant/none",),
    "/policies/{}": ("/policies/ai-acceptable-use",),
    "/training/{}": ("/training/hipaa-basics",),
    "/step-up/with/{}": ("/step-up/with/none",),
    "/activity/{}": ("/activity/none",),
    "/reviews/{}": ("/reviews/autumn",),
    "/vendors/agreements/{}": ("/vendors/agreements/baa-northwind",),
    "/today": ("/today", "/today?days=90"),
    "/ledger": (
        "/ledger", "/ledger?type=refusal", "/ledger?vendor=nobody", "/ledger?type=request&day={day}",
        "/ledger?actor=person:nobody&before=500000",
    ),
    "/vendors/forecast": ("/vendors/forecast?on=2031-01-01",),
    "/people": ("/people", "/people?from=4000"),
    "/assets": ("/assets", "/assets?from=4000"),
}  # fmt: skip
_NO_PAGES = frozenset({"/home"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One page as one kind of person: `first_ms` is the first fetch, before anything is kept."""

    path: str
    status: int
    ms: float
    first_ms: float
    bytes: int

    @property
    def is_met(self) -> bool:
        return self.ms <= GOAL_MS and self.bytes <= GOAL_BYTES and self.status < 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the home here, or use the one that is here")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="the kind of person to fetch pages as")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="console-bench-") as temporary:
        home = (options.keep or Path(temporary)) / "home"
        home.parent.mkdir(parents=True, exist_ok=True)
        is_new = not home.exists()
        if is_new:
            began = time.monotonic()
            place = home.with_name("unfinished")
            console_store.make(place, entries=options.entries, people=options.people)
            place.rename(home)
            print(f"made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        instance = Instance(home=home, workers=1, environment={}, deadline_seconds=600.0)
        instance.command = (sys.executable, "-m", "wardkeep.demo.later", str(console_store.DAYS + 1))
        if is_new:
            with instance:
                _settle(instance.pid, 600)  # the index of a million entries is made once, and kept
        tokens = asyncio.run(console_store.sign_in(home))
        with instance:
            _settle(instance.pid, 60)
            return measure(instance, tokens, rounds=options.rounds, only=options.only)


def measure(instance: Instance, tokens: dict[str, str], *, rounds: int, only: str | None) -> int:
    head = instance.api(FIRST, "GET", "ledger/head")["size"]
    middle = head // 2
    entry = instance.api(FIRST, "GET", f"ledger/entries?from={middle}&to={middle + 1}")["entries"][0]
    known = {"middle": str(middle), "day": entry["at"][:10]}
    lines = [f"{head} entries, {len(instance.api(FIRST, 'GET', 'people')['people'])} people", ""]
    is_met = True
    for kind, token in tokens.items():
        if only not in {None, kind}:
            continue
        lines += [f"## {kind}", "", "| page | status | CPU ms | first | bytes |", "|---|---|---:|---:|---:|"]
        costs = [fetch(instance, token, path, rounds) for path in addresses(known)]
        is_met &= all(each.is_met for each in costs)
        lines += [
            f"| `{each.path}` | {each.status} | {each.ms:.0f} | {each.first_ms:.0f} | {each.bytes} |"
            f"{'' if each.is_met else ' MISSED'}"
            for each in costs
        ]
        lines.append("")
    text = "\n".join(lines)
    _OUT.mkdir(exist_ok=True)
    (_OUT / "console.md").write_text(text)
    print(text)
    return 0 if is_met else 1


def addresses(known: dict[str, str]) -> Iterator[str]:
    """Yield an address of each page, and of some several. Raises KeyError: a page is not measured."""
    for route in ROUTES:
        if route.method != "GET" or route.is_open or route.is_json or route.path in _NO_PAGES:
            continue
        for path in PLACES[route.path] if "{}" in route.path else PLACES.get(route.path, (route.path,)):
            yield path.format(**known)


def fetch(instance: Instance, token: str, path: str, rounds: int) -> Cost:
    url = instance.console.replace("127.0.0.1", "localhost") + path
    spent, status, size = [], 0, 0
    for _ in range(rounds):
        before = cpu_ms(instance.pid)
        request = urllib.request.Request(url, headers={"cookie": f"{SESSION_COOKIE}={token}"})
        try:
            with urllib.request.build_opener(_Stay).open(request, timeout=120) as answer:
                status, size = answer.status, len(answer.read())
        except urllib.error.HTTPError as error:
            if error.headers.get("location") == "/sign-in":
                raise SystemExit(f"no figure: the session ended before {path} was fetched") from None
            status, size = error.code, len(error.read())
        spent.append(cpu_ms(instance.pid) - before)
    return Cost(path=path, status=status, ms=statistics.median(spent), first_ms=spent[0], bytes=size)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """A page that leads elsewhere is measured as it is."""


def cpu_ms(pid: int) -> float:
    """CPU of all living threads, in nanoseconds' precision (proc(5), /proc/PID/task/TID/schedstat)."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            spent += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that ended
    return spent / 1e6


def _settle(pid: int, longest_seconds: float) -> None:
    """Wait until what follows the ledger (index, activity) has caught up."""
    deadline = time.monotonic() + longest_seconds
    while time.monotonic() < deadline:
        before = cpu_ms(pid)
        time.sleep(4)
        if cpu_ms(pid) - before < 200:
            return


if __name__ == "__main__":
    sys.exit(main())
