"""A worker process: started by the keeper with the listening socket, never by hand."""

import argparse
import asyncio
import sys
from pathlib import Path

import uvloop

from wardkeep.app.serving import serve_worker
from wardkeep.settings import load
from wardkeep.transport.listen import inherited


def main() -> int:
    """Run one worker; return its exit status."""
    parser = argparse.ArgumentParser(prog="wardkeep-worker", description="started by `wardkeep serve`")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--owner", required=True)
    options = parser.parse_args()
    listener = inherited(options.fd)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve_worker(load(options.home), listener=listener, owner=options.owner))


if __name__ == "__main__":
    sys.exit(main())
