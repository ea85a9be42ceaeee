"""CPU time of one access decision (stage 3), for calls with and without a person, and of the oldest rule that refuses.

PYTHONPATH=src python bench/decision_cost.py
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.properties.test_access_oracle import product, valid_world

from wardkeep.policy.decide import decide

ROUNDS = 40_000


def cost_us(identified, facts) -> float:
    """Return the least of three runs, in microseconds of CPU."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time_ns()
        for _ in range(ROUNDS):
            decide(identified, facts)
        best = min(best, (time.process_time_ns() - start) / ROUNDS / 1000)
    return best


def main() -> None:
    rng = random.Random(1)
    worlds = [valid_world(rng) for _ in range(40)]
    plain = next(w for w in worlds if w.person is None and w.app is None)
    acting = next(w for w in worlds if w.person is not None and w.app is not None and w.classes)
    for name, world in (("key alone", plain), ("application for a person, tagged data", acting)):
        print(f"{name}: {cost_us(*product(world, None)):.1f} us CPU a decision")


if __name__ == "__main__":
    main()
