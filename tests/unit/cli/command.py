"""Runs commands as the shell would, in this process; and serves a home's control API on its real admin socket."""

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from wardkeep.app.home import backups_of, open_home
from wardkeep.audit.search import SearchIndex
from wardkeep.cli.main import run
from wardkeep.compliance.reading import AuditReader
from wardkeep.compliance.searching import Searcher
from wardkeep.crypto.ca import CertificateFiles
from wardkeep.settings import clock, load
from wardkeep.transport.listen import bind_unix
from wardkeep.web.control import control_app
from wardkeep.web.errors import render
from wardkeep.web.guard import GuardLimits, make_guard
from wardkeep.web.serving import make_server


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Shell:
    def __init__(self, capsys):
        self.capsys = capsys

    def __call__(self, *arguments):
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run([str(each) for each in arguments])
        told = self.capsys.readouterr()
        assert "Traceback" not in told.err
        return Outcome(ended.value.code or 0, told.out, told.err)


def make_home(shell, home, *more):
    return shell(
        "init", "--home", home, "--organisation", "General Clinic", "--zone", "America/New_York",
        "--officer", "first", "--officer", "second", *more,
    )  # fmt: skip


@contextmanager
def serving(home):
    """Serve the control API of a home on its admin socket, in another thread."""
    started, failures = threading.Event(), []
    stopping = []

    async def serve():
        settings = load(home)
        opened = await open_home(settings, clock)
        reader = AuditReader(ledger=opened.ledger, entries=opened.entries)
        index = SearchIndex(ledger=opened.ledger, path=settings.search_path)
        searcher = Searcher(
            index=index,
            entries=opened.entries,
            keys=opened.keys,
            clock=clock,
            registry=lambda: opened.control.registry,
        )
        app = control_app(
            control=opened.control,
            reader=reader,
            searcher=searcher,
            shredder=opened.shredder,
            backups=backups_of(settings, opened, clock),
            custody=opened.custody,
            keys=opened.keys,
            tenant=opened.keyring.tenant,
            clock=clock,
            authority=CertificateFiles(
                certificate=settings.authority_key_path.with_suffix(".crt"), key=settings.authority_key_path
            ),
        )
        guard = make_guard(
            GuardLimits(hosts=frozenset(settings.listen.hosts)),
            render=render,
            on_refused=lambda _: None,
            on_failed=lambda kind, place: failures.append((kind, place)),
        )
        server = make_server(app, sockets=[bind_unix(settings.admin_socket_path)], guard=guard)
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(server.run())
        await server.started.wait()
        stopping.append(lambda: loop.call_soon_threadsafe(server.stop, 1.0))
        started.set()
        await running
        await index.close()
        await opened.close()

    def body():
        try:
            asyncio.run(serve())
        except BaseException as error:
            failures.append(error)
            started.set()
            raise

    thread = threading.Thread(target=body)
    thread.start()
    assert started.wait(20)
    assert not failures
    try:
        yield
    finally:
        stopping[0]()
        thread.join(20)
