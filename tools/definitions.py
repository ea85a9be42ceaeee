"""Lists the texts of a client's tool definitions by hash, from requests that it sent: read them, then ship the list.

    python tools/definitions.py "Claude Code 2.1.197" anthropic one.json two.json >> definitions.txt

The requests come from different places and people; only texts that all of them have are the maker's own. A text that
names a month or a year of today is left out. `--show` prints the texts instead, for whoever reads them before.
"""

import argparse
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from wardkeep.model.document import parse
from wardkeep.model.spans import LeafKind
from wardkeep.model.wire import anthropic_messages, openai_responses
from wardkeep.model.wire.grammar import read

GRAMMARS = {"anthropic": anthropic_messages.REQUEST, "openai": openai_responses.REQUEST}
SHORTEST = 8


def texts_of(path: Path, wire: str) -> set[str]:
    """Return the texts of tool definitions in one request."""
    body = json.loads(path.read_text("utf-8"))
    reading = read(parse(json.dumps(body.get("body", body)).encode()), GRAMMARS[wire])
    return {leaf.text for _, leaf in reading.leaves if leaf.kind is LeafKind.SCHEMA and len(leaf.text) >= SHORTEST}


def main() -> None:
    """Print the hashes, under the client's name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client")
    parser.add_argument("wire", choices=sorted(GRAMMARS))
    parser.add_argument("request", type=Path, nargs="+")
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    if len(asked.request) < 2:
        sys.exit("two requests at least, from different places: one alone does not tell what is the maker's own")
    now = datetime.now(UTC)
    today = re.compile(rf"{now.year}|{now:%B}")
    shared = set.intersection(*(texts_of(path, asked.wire) for path in asked.request))
    kept = sorted(text for text in shared if today.search(text) is None)
    if asked.show:
        print("\n\n".join(kept))
        return
    print(f"# {asked.client}: {len(kept)} texts")
    for digest in sorted(hashlib.sha256(text.encode()).hexdigest() for text in kept):
        print(digest)


if __name__ == "__main__":
    main()
