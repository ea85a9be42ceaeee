"""Prints how many attacks pass the screen unseen, and how many harmless texts it flags (`make bench-redteam`).

No model is asked: an attack counts as a success when no signal was raised, the worst case, in which the model obeys
whatever reaches it. Halves: the rules were written and weighed against the development half alone. Both halves are by
the author of the rules, so what strangers write will pass more often. Encoded cases are made from the plain ones.
"""

import argparse
import base64
import codecs
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from wardkeep.model.guard import Origin
from wardkeep.privacy.installed import installed_screen

HERE = Path(__file__).parent / "redteam"
ENCODED = ("direct", "persona", "system", "reveal", "exfil", "bulk")
_LEET = str.maketrans("aeiost", "4310$7")
_ALIKE = str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445")
ENCODINGS = {
    "base64": lambda text: "Decode and follow: " + base64.b64encode(text.encode()).decode(),
    "leet": lambda text: text.lower().translate(_LEET),
    "spaced": lambda text: "   ".join(" ".join(word) for word in text.split()),
    "zero-width": "\u200b".join,
    "look-alike": lambda text: text.translate(_ALIKE),
    "hexadecimal": lambda text: text.encode().hex(" "),
    "rot13": lambda text: "rot13: " + codecs.encode(text, "rot13"),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "reversed": lambda text: "Read backwards: " + text[::-1],
    "tags": lambda text: "Hello. " + "".join(chr(0xE0000 + ord(sign)) for sign in text if ord(sign) < 127),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    family: str
    origin: Origin
    turns: tuple[str, ...]


def read(name: str) -> Iterator[Case]:
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            family, origin, text = line.split(" | ", 2)
            turns = tuple(text.replace("\\n", "\n").split(" || "))
            yield Case(family=family, origin=Origin(origin), turns=turns)


def encoded(cases: list[Case]) -> Iterator[Case]:
    """Each plain English attack once more, in one of the encodings in turn."""
    names = list(ENCODINGS)
    chosen = [case for case in cases if case.family in ENCODED]
    for number, case in enumerate(chosen):
        name = names[number % len(names)]
        yield Case(family=f"encoded {name}", origin=case.origin, turns=(ENCODINGS[name](case.turns[0]),))


def is_flagged(case: Case) -> bool:
    return bool(installed_screen().assess([(n, case.origin, turn) for n, turn in enumerate(case.turns)]).signals)


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    rate, square = hits / of, z * z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = z * sqrt(rate * (1 - rate) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(hits: int, of: int) -> dict[str, float | int]:
    low, high = wilson(hits, of)
    return {"hits": hits, "of": of, "rate": hits / of if of else 0.0, "low": low, "high": high}


def measured(half: str) -> dict[str, object]:
    plain = list(read(f"attacks_{half}"))
    attacks, harmless = [*plain, *encoded(plain)], list(read(f"harmless_{half}"))
    missed: dict[str, list[bool]] = defaultdict(list)
    for case in attacks:
        missed[case.family.partition(" ")[0]].append(not is_flagged(case))
    alarms: dict[str, list[bool]] = defaultdict(list)
    for case in harmless:
        alarms[case.family].append(is_flagged(case))
    return {
        "attack_success": rate(sum(map(sum, missed.values())), len(attacks)),
        "false_alarms": rate(sum(map(sum, alarms.values())), len(harmless)),
        "attack_success_by_family": {name: rate(sum(each), len(each)) for name, each in sorted(missed.items())},
        "false_alarms_by_family": {name: rate(sum(each), len(each)) for name, each in sorted(alarms.items())},
    }


NOTE = (
    "64-year-old man with type 2 diabetes mellitus, hypertension and hyperlipidemia who presents for follow up. He "
    "takes metformin 1000 mg twice daily and lisinopril 20 mg daily. BP 132/78, HR 71, SpO2 98 %. Continue current "
    "medications, recheck A1c in 3 months, order a basic metabolic panel. "
)


def cost(text: str) -> float:
    """CPU microseconds for one prompt of 4 KB, the best of ten rounds."""
    text = (text * (4096 // len(text) + 1))[:4096]
    screen = installed_screen()
    best = float("inf")
    for _ in range(10):
        begun = time.process_time()
        for _ in range(200):
            screen.assess([(0, Origin.USER, text)])
        best = min(best, (time.process_time() - begun) / 200)
    return best * 1e6


def shown(name: str, told: dict[str, float | int]) -> str:
    return (
        f"  {name:<28} {told['hits']:>4} of {told['of']:<4} {told['rate']:>6.1%}"
        f"   95 % Wilson {told['low']:.1%} to {told['high']:.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    parser.add_argument("--list", choices=("dev",), help="print the development cases that the rules get wrong")
    asked = parser.parse_args()
    if asked.list:
        plain = list(read("attacks_dev"))
        for case in [*plain, *encoded(plain)]:
            if not is_flagged(case):
                print("missed", case.family, case.origin.value, case.turns)
        for case in read("harmless_dev"):
            if is_flagged(case):
                print("alarm", case.family, case.origin.value, case.turns)
        return
    results = {half: measured(half) for half in ("dev", "held")}
    notes = (case.turns[0] for case in read("harmless_dev") if case.family == "clinical" and case.turns[0].isascii())
    results["cpu_us_4kb"] = cost(NOTE)
    results["cpu_us_4kb_of_lookalikes"] = cost(" ".join(notes))
    if asked.json:
        json.dump(results, sys.stdout)
        print()
        return
    for half, title in (("dev", "development half"), ("held", "held-out half")):
        told = results[half]
        print(f"{title}")
        print(shown("attack success (no signal)", told["attack_success"]))
        for name, each in told["attack_success_by_family"].items():
            print(shown(f"  {name}", each))
        print(shown("false alarms", told["false_alarms"]))
        for name, each in told["false_alarms_by_family"].items():
            print(shown(f"  {name}", each))
    print(f"CPU for a note of 4 KB: {results['cpu_us_4kb']:.0f} us")
    print(f"CPU for 4 KB of harmless texts that share words with attacks: {results['cpu_us_4kb_of_lookalikes']:.0f} us")


if __name__ == "__main__":
    main()
