"""Starts, kills, stops and restarts the syslog receiver, and reads what it has taken."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from wardkeep.crypto.ca import create_authority, issue_server_certificate

SCRIPT = Path(__file__).with_name("syslog_receiver.py")


class Receiver:
    def __init__(self, place: Path, *more: str):
        place.mkdir(exist_ok=True)
        now = datetime.now(UTC)
        self.authority = create_authority(place, now=now)
        self.files = issue_server_certificate(self.authority, place, names=["127.0.0.1", "localhost"], now=now)
        self.out = place / "taken.jsonl"
        self.more = more
        self.port = 0
        self.process = None

    def start(self) -> None:
        given = (self.files.certificate, self.files.key, self.out, "--port", self.port, *self.more)
        command = [sys.executable, SCRIPT, *given]
        self.process = subprocess.Popen(
            [str(each) for each in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """End it at once, as a crash would, also when it was stopped."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> None:
        """Make it hang: it keeps its sockets and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def taken(self) -> list[str]:
        if not self.out.exists():
            return []
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def contents(self) -> list[str]:
        """What came, without the syslog header."""
        return [message.split(" - ", 2)[2] for message in self.taken()]


@contextmanager
def receiving(place: Path, *more: str):
    receiver = Receiver(place, *more)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.kill()
