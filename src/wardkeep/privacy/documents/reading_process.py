"""The process that reads one file and ends: `python -m wardkeep.privacy.documents.reading_process MEMORY CPU TIME`.

The file comes on standard input, one JSON object leaves on standard output: `text`, `pages`, `unread`, or `error`.
Memory, processor time, open files and what it may write are bounded before the first byte is read, so that a file that
breaks a parser breaks this process and nothing else.
"""

import resource
import signal
import sys
from typing import Final

import msgspec

from wardkeep.privacy.documents.extract import NotReadableError, extract

MOST_BYTES: Final = 16 * 1024 * 1024


def main() -> None:
    """Read, answer, end."""
    memory, seconds, wall = (int(each) for each in sys.argv[1:4])
    signal.alarm(wall + 1)  # also when nobody is left who would end it
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        answer = extract(data) if len(data) <= MOST_BYTES else {"error": "too_large"}
    except NotReadableError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "too_large"}
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
