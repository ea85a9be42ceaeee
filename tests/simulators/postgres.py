"""A real PostgreSQL server in a directory of its own, on a Unix socket, run by a user who is not root.

`postgresql` is a Debian package; without it the tests that use this say that they skip.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

OWNER = "keeper_of_tables"
ROLE = "wardkeep"
DATABASE = "ledger"
PASSWORD = "correct horse battery staple"
_ROOM = 1 << 30
_PORTS_TRIED = 5


def binaries() -> Path | None:
    """Return the newest installed server's directory of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def _as_whom() -> list[str]:
    """Return what a command is started with, so that the server does not run as root, which it refuses."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


class Postgres:
    """A server that can be stopped, killed, and frozen. `directory` is also where its socket is."""

    def __init__(self, place: Path | None = None) -> None:
        programs = binaries()
        if programs is None:
            pytest.skip("needs the Debian package postgresql")
        self.programs = programs
        # In memory where there is some: what is tested is not this machine's disk, which others are writing to.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > _ROOM else None
        self.directory = Path(tempfile.mkdtemp(prefix="wkpg", dir=place or memory))
        self.port = 5432
        self.process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        self.directory.chmod(0o755)
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", "-N")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                "listen_addresses = ''\nunix_socket_directories = '"
                f"{self.directory}'\nmax_connections = 40\nshared_buffers = 64MB\nautovacuum = off\n"
            )
        self.start()
        self.sql(f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {ROLE} LOGIN", database="postgres")
        self.sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER}", database="postgres")

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    def start(self) -> None:
        """Start and wait until it takes connections."""
        self.process = subprocess.Popen(
            [*_as_whom(), self.programs / "postgres", "-D", self.data],
            stdout=subprocess.DEVNULL,
            stderr=(self.directory.parent / f"{self.directory.name}.log").open("ab"),
            start_new_session=True,
        )
        ends = time.monotonic() + 300
        while not self._answers():
            if self.process.poll() is not None:
                raise RuntimeError("the server ended at its start")
            if time.monotonic() > ends:
                raise RuntimeError("the server does not start")
            time.sleep(0.05)

    def listen(self, certificate: Path, key: Path) -> int:
        """Listen on this machine's port too, for connections with TLS and a password only; return the port."""
        for name, source in (("server.crt", certificate), ("server.key", key)):
            target = self.data / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            shutil.chown(target, self.data.owner(), self.data.group())
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.sql(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")
        for _ in range(_PORTS_TRIED):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = int(free.getsockname()[1])
            self.stop("fast")
            with (self.data / "postgresql.conf").open("a") as file:
                # The socket's name holds the port, so callers by socket would have to be told; they are not.
                file.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n")
            self.port = port
            with contextlib.suppress(RuntimeError):
                self.start()
                return port
        raise RuntimeError("the server takes no port")

    def stop(self, how: str = "immediate") -> None:
        """Stop: `fast` rolls back and writes everything out, `immediate` is as a crash."""
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how])
            self.process.wait(300)
        self.process = None

    def sql(self, text: str, *, user: str = "postgres", database: str = DATABASE) -> str:
        """Run statements as a role and return what they print."""
        command = [
            self.programs / "psql",
            "-h",
            self.directory,
            "-p",
            str(self.port),
            "-U",
            user,
            "-d",
            database,
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def empty(self) -> None:
        """Leave nothing in the database. One for all tests: making another one costs three hundred files."""
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('{OWNER}', '{ROLE}')")
        self.sql("DROP SCHEMA IF EXISTS wardkeep CASCADE")

    def url(self, user: str = ROLE) -> str:
        """Return the database's address as the settings have it."""
        return f"postgresql://{user}@/{DATABASE}?host={self.directory}"

    def freeze(self) -> None:
        """Stop every process of the server where it stands; it keeps its sockets and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for pid in (self.process.pid, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def close(self) -> None:
        """Stop and remove everything."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        (self.directory.parent / f"{self.directory.name}.log").unlink(missing_ok=True)

    def _answers(self) -> bool:
        command = [self.programs / "pg_isready", "-q", "-h", self.directory, "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: object) -> None:
        command = [*_as_whom(), self.programs / program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
