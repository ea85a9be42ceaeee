"""`python -m wardkeep.demo.later DAYS serve --home DIR`: an instance whose clock is set ahead, for the demonstration.

The clock is an argument everywhere; no setting of the product changes it.
"""

import sys
from pathlib import Path

from wardkeep.app import serve
from wardkeep.model.instant import Instant
from wardkeep.settings import clock, load

_DAY_US = 86_400_000_000


def main(arguments: list[str]) -> None:
    """Serve the home named after `--home`, the given number of days from now."""
    ahead_us = int(arguments[0]) * _DAY_US
    home = Path(arguments[arguments.index("--home") + 1])

    def later() -> Instant:
        now = clock()
        return Instant(now.wall_us + ahead_us, now.mono_ns, now.boot)

    serve(load(home), workers=1, clock=later)


if __name__ == "__main__":
    main(sys.argv[1:])
