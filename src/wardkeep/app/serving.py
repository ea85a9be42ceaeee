"""Runs an instance: the faces, the keeper and its workers, from start to an orderly end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from wardkeep.app.activity_keeping import keep_activity_reviews
from wardkeep.app.background import Background
from wardkeep.app.budgeting import Budgets, keep_budgets
from wardkeep.app.checking import keep_checks
from wardkeep.app.faces import (
    GRACE_SECONDS,
    POLICY,
    Clock,
    check_tls,
    data_face,
    guard_for,
    owner_name,
    settle_memory,
    take_origins,
    tell_files,
    tls_files,
)
from wardkeep.app.forgetting import keep_forgetting
from wardkeep.app.gathering import Gathering
from wardkeep.app.home import OpenHome, WitnessCheck, backups_of, open_home
from wardkeep.app.indexing import keep_index
from wardkeep.app.keeper import KeeperDesk, LocalSequencer
from wardkeep.app.log import LogLine, open_log
from wardkeep.app.places import places_of
from wardkeep.app.reminding import keep_reminders
from wardkeep.app.reviewing import keep_reviews
from wardkeep.app.road import build_road
from wardkeep.app.sinks import Sinks, keep_sinks
from wardkeep.app.witnessing import Keeping, Publishing, publisher_for, timestamper_for
from wardkeep.audit.entry import decode
from wardkeep.audit.errors import LedgerError, WitnessDisagrees
from wardkeep.audit.formats import Producer
from wardkeep.audit.search import SearchIndex
from wardkeep.audit.witnessing import Publisher
from wardkeep.compliance.activity import Activity
from wardkeep.compliance.break_glass import is_unsettled
from wardkeep.compliance.destinations import require_covered, standings
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.factors import Factors
from wardkeep.compliance.inspecting import Checker
from wardkeep.compliance.reading import AuditReader
from wardkeep.compliance.searching import Searcher
from wardkeep.compliance.spending import Use
from wardkeep.compliance.watch import Alarm, Watch
from wardkeep.crypto.ca import CertificateFiles
from wardkeep.crypto.certificate import peer_key_of
from wardkeep.crypto.harden import harden_process
from wardkeep.crypto.keys import data_keys
from wardkeep.gateway.limits import Limits
from wardkeep.gateway.pipeline import Road
from wardkeep.gateway.record import Recorder
from wardkeep.identity.last_use import LastUse
from wardkeep.identity.sessions import Guesses
from wardkeep.identity.sign_on import Exchange
from wardkeep.model.budget import Budget
from wardkeep.model.destination import Place
from wardkeep.model.roots import parse_root, secret_variables
from wardkeep.privacy.detect.detector import Detector
from wardkeep.settings import Settings
from wardkeep.settings import clock as real_clock
from wardkeep.storage.errors import StoreError
from wardkeep.transport.listen import Listener, bind, bind_unix
from wardkeep.transport.pool import Pool
from wardkeep.transport.unix import FrameServer
from wardkeep.web.console.vitals import Vitals
from wardkeep.web.control import control_app
from wardkeep.web.front import FrontPage
from wardkeep.web.metrics import SENT, Counts, Metrics, total
from wardkeep.web.ops import OperationsFace, Readiness
from wardkeep.web.pages import pages_app
from wardkeep.web.scim import scim_app
from wardkeep.web.serving import Server, make_server

_TEND_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = 5.0
_COUNT_SECONDS: Final = 30.0
_RESPAWN_SECONDS: Final = 0.5
# How long calls that were decided under the last epoch may still open what is sealed under it.
_EPOCH_GRACE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the faces really listen (a port of 0 is chosen by the system)."""

    data: str
    console: str
    operations: str


def serve(
    settings: Settings,
    *,
    workers: int | None = None,
    clock: Clock = real_clock,
    is_witnessed: bool = True,
    is_setup: bool = False,
    on_ready: Callable[[Addresses], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT. With one worker all runs in this process.

    `is_witnessed` False starts although witnesses do not answer; that is on record. Contradiction still stops it.
    `is_setup` True takes no calls: it is for recording what keeps the instance from starting.

    Raises:
        NotAllowed: a place that holds PHI has no agreement; it names the place.
        CryptoError, LedgerError, StoreError, ComplianceError, OSError: it cannot start; each says what to do.
    """
    count = workers if workers is not None else (settings.workers or os.cpu_count() or 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        check = WitnessCheck.REQUIRED if is_witnessed else WitnessCheck.IF_REACHABLE
        runner.run(_run(settings, clock, 1 if is_setup else max(1, count), check, on_ready, is_setup=is_setup))


async def _run(
    settings: Settings,
    clock: Clock,
    workers: int,
    check: WitnessCheck,
    on_ready: Callable[[Addresses], None],
    *,
    is_setup: bool,
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    harden_process()
    _prepare_run_directory(settings.run_directory)
    home = await open_home(settings, clock, witness_check=check)
    try:
        places = places_of(settings)
        if not is_setup:
            await _require_covered(home, places, clock)
        sockets = _Sockets.bind(settings, 0 if is_setup else workers)
        desk = KeeperDesk(
            sequencer=LocalSequencer(
                ledger=home.ledger,
                subjects=home.subjects,
                limits=Limits(),
                clock=clock,
                last_use=LastUse(home.sessions),
                budgets=Budgets(ledger=home.ledger, registry=lambda: home.control.registry),
                emergency=home.emergency,
            ),
            control=home.control,
            keys=data_keys(home.keyring),
            last_wall_us=await _newest_entry_us(home),
        )
        started_at = (await home.ledger.head()).size
        await _record_start(home, is_witnessed=check is WitnessCheck.REQUIRED, is_setup=is_setup)
        log = open_log(settings.log.format)
        instance = _Instance(
            settings=settings,
            clock=clock,
            home=home,
            desk=desk,
            sockets=sockets,
            stopping=stopping,
            log=log,
            background=Background(log=log),
            started_at=started_at,
            places=places,
            is_setup=is_setup,
        )
        await instance.serve(workers, on_ready)
        if instance.disagreement is not None:
            raise instance.disagreement
    finally:
        await home.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sockets:
    """The listening sockets, bound before anything else can go wrong."""

    data: tuple[Listener, ...]
    console: Listener
    operations: Listener
    admin: Listener

    @classmethod
    def bind(cls, settings: Settings, workers: int) -> "_Sockets":
        """Bind all; without workers nothing on the data port.

        Each worker has a socket of its own on the data port, so that the kernel spreads the callers.
        They are held here, so that callers of a worker that died wait for its successor instead of being cut off.
        """
        listen = settings.listen
        data: tuple[Listener, ...] = (bind(listen.host, listen.data_port),) if workers else ()
        if workers > 1:
            (only,) = data
            # Bound alone first: sharing would silently join another instance that has the port.
            port = only.getsockname()[1]
            only.close()
            data = tuple(bind(listen.host, port, reuse_port=True) for _ in range(workers))
        return cls(
            data=data,
            console=bind(listen.host, listen.console_port),
            operations=bind(listen.host, listen.operations_port),
            admin=bind_unix(settings.admin_socket_path),
        )


@dataclass(slots=True, kw_only=True)
class _Instance:
    """One running instance, in the process that keeps the ledger."""

    settings: Settings
    clock: Clock
    home: OpenHome
    desk: KeeperDesk
    sockets: _Sockets
    stopping: asyncio.Event
    log: LogLine
    background: Background
    metrics: Metrics = field(default_factory=Metrics)
    alive: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    workers: int = 1
    recorder: Recorder | None = None
    road: Road | None = None
    building: asyncio.Lock = field(default_factory=asyncio.Lock)
    pool: Pool | None = None
    watch: Watch | None = None
    searcher: Searcher | None = None
    sinks: Sinks | None = None
    publisher: Publisher | None = None
    keeping: Keeping | None = None
    disagreement: WitnessDisagrees | None = None
    started_at: int = 0
    places: tuple[Place, ...] = ()
    is_setup: bool = False

    async def serve(self, workers: int, on_ready: Callable[[Addresses], None]) -> None:
        """Start everything, say so, and end everything when told to."""
        self.workers = workers
        check_tls(self.settings)
        servers = self._faces()
        frames = self._keeper() if workers > 1 else None
        self.home.custody.on_epochs(partial(self._give_epochs, frames))
        if self.is_setup:
            self.log("setting_up")
        elif frames is None:
            servers.append(self._data_server())
        else:
            await frames.start()
            for listener in self.sockets.data:
                self._later(self._keep_worker(listener))
        self._later(self._tend())
        self._later(self._keep_last_use())
        self._publish()
        self.watch = await self._begin_watch()
        self._later(self._keep_watch(self.watch))
        self._later(
            keep_reviews(
                self.home.control,
                self.clock,
                self.desk.sequencer.last_use.at,
                founded_at=await _founded_at(self.home),
                stopping=self.stopping,
                log=self.log,
            )
        )
        self._begin_budgets()
        self._later(keep_reminders(self.home.control, self.clock, self.settings, stopping=self.stopping, log=self.log))
        checker = Checker(control=self.home.control, keys=self.home.keys, clock=self.clock)
        self._later(keep_checks(checker, stopping=self.stopping, log=self.log))
        if self.searcher is not None:
            founded_at = await _founded_at(self.home)
            self._later(
                keep_activity_reviews(
                    self.home.control,
                    self.searcher.index,
                    self.clock,
                    founded_at=founded_at,
                    stopping=self.stopping,
                    log=self.log,
                )
            )
            self._later(keep_index(self.searcher.index, self.stopping, self.log))
        if self.sinks is not None:
            self._later(keep_sinks(self.sinks, self.stopping))
        running = [asyncio.create_task(server.run()) for server in servers]
        await self._until_ready(servers)
        settle_memory()
        addresses = self._addresses()
        self.log(
            "ready", data=addresses.data, console=addresses.console, operations=addresses.operations, workers=workers
        )
        on_ready(addresses)
        await self.stopping.wait()
        self.log("stopping")
        await self._end(servers, running)
        if frames is not None:
            await frames.close()
        if self.searcher is not None:
            await self.searcher.index.close()
        with contextlib.suppress(StoreError):
            await self.desk.sequencer.last_use.keep(self.clock().wall_us, is_last=True)

    def _faces(self) -> list[Server]:
        """Return the control, console and operations faces."""
        home, tls = self.home, tls_files(self.settings)
        people_tls = tls_files(self.settings, self.settings.tls.console_clients)
        guard = guard_for(self.settings, self.metrics, self.log, takes_back=True)
        reader = AuditReader(ledger=home.ledger, entries=home.entries)
        self.searcher = Searcher(
            index=SearchIndex(ledger=home.ledger, path=self.settings.search_path),
            entries=home.entries,
            keys=home.keys,
            clock=self.clock,
            registry=lambda: home.control.registry,
        )
        guesses = Guesses()
        self.sinks = Sinks(
            ledger=home.ledger,
            entries=home.entries,
            registry=lambda: home.control.registry,
            clock=self.clock,
            home=self.settings.home,
            producer=Producer(log=home.ledger.verifier_key.name, version=version("wardkeep")),
            log=self.log,
        )
        control = control_app(
            control=home.control,
            searcher=self.searcher,
            sink_standing=self.sinks.standing,
            reader=reader,
            shredder=home.shredder,
            backups=backups_of(self.settings, home, self.clock),
            custody=home.custody,
            authority=_authority(self.settings),
            budget_standing=self._budget_standing,
            emergency=home.emergency,
            keys=home.keys,
            clock=self.clock,
            tenant=home.keyring.tenant,
            last_used=self.desk.sequencer.last_use.at,
            note_used=self._note_used,
            places=self.places,
            factors=Factors(
                keys=home.keys,
                tenant=home.keyring.tenant,
                sessions=home.sessions,
                guesses=guesses,
                clock=self.clock,
            ),
        )
        pages = pages_app(
            control=home.control,
            keys=home.keys,
            tenant=home.keyring.tenant,
            clock=self.clock,
            sessions=home.sessions,
            scheme="https" if self.settings.is_tls_on else "http",
            breached=self.settings.breached_path,
            note_used=self._note_used,
            api=control,
            ledger=home.ledger,
            activity=Activity(ledger=home.ledger),
            vitals=self._vitals,
            guesses=guesses,
            road=self._console_road,
            missing=lambda: self._readiness().missing,
            sign=home.keyring.signer.sign,
            exchange=self._sign_in_exchange(),
        )
        self._later(self._count_activity(pages.activity))
        self._later(keep_forgetting(pages.forget_gone, stopping=self.stopping))
        scim = scim_app(
            control=home.control,
            keys=home.keys,
            sessions=home.sessions,
            clock=self.clock,
            scheme="https" if self.settings.is_tls_on else "http",
        )
        front = FrontPage(control=control, pages=pages, scim=scim)
        operations = OperationsFace(readiness=self._readiness, counts=self._counts, gauges=self._gauges)
        return [
            make_server(
                front,
                sockets=[self.sockets.console],
                guard=guard,
                tls=people_tls,
                on_files=tell_files(self.log, "console"),
            ),
            make_server(control, sockets=[self.sockets.admin], guard=guard),
            make_server(
                operations,
                sockets=[self.sockets.operations],
                guard=guard,
                tls=tls,
                on_files=tell_files(self.log, "operations"),
            ),
        ]

    def _sign_in_exchange(self) -> Exchange:
        """Return what asks the providers at which people sign in; it follows the registry."""
        control, exchange = self.home.control, Exchange()
        exchange.follow(control.registry)
        control.on_change(exchange.follow)
        return exchange

    def _keeper(self) -> FrameServer:
        """Return the socket on which workers reach this process."""
        desk = self.desk
        frames = FrameServer(
            self.settings.run_directory / "keeper.sock",
            desk.answer,
            on_failed=lambda kind: self.log("keeper_failed", kind=kind),
            on_left=lambda connection: self._later(desk.leave(connection)),
        )
        self.home.control.on_change(lambda _: frames.push(desk.facts_message()))
        self.home.subjects.on_destroy(lambda tag: desk.have_forgotten(tag, frames))
        return frames

    async def _console_road(self) -> Road:
        """Return the road of this process, for the assistant; with workers it is built when the first one asks."""
        if self.is_setup:
            raise NotAllowed(
                "setting_up",
                what="This instance takes no calls: it was started with --setup.",
                why="A place that holds PHI had no agreement when it was to start.",
                fix="Record what is missing, then have the operator start it with `wardkeep serve`.",
            )
        async with self.building:
            if self.road is None:
                self.road = self._build_road(await asyncio.to_thread(Detector, POLICY))
            return self.road

    def _data_server(self) -> Server:
        """Return the data face in this process."""
        road = self.road = self._build_road(Detector(POLICY))
        face = data_face(self.settings, road, self.clock, self.metrics)
        guard = guard_for(self.settings, self.metrics, self.log)
        tls = tls_files(self.settings, self.settings.tls.data_clients)
        said = tell_files(self.log, "data")
        return make_server(face, sockets=self.sockets.data, guard=guard, tls=tls, on_files=said)

    def _build_road(self, detector: Detector) -> Road:
        control = self.home.control
        pool = self.pool = Pool([], key_of=peer_key_of)
        take_origins(pool, control.registry, self.log)
        control.on_change(lambda registry: take_origins(pool, registry, self.log))

        async def refresh() -> None:
            """A change is published before the ledger's answer that it made stale; one turn of the loop is enough."""
            await asyncio.sleep(0)

        road = build_road(
            keys=self.desk.keys,
            sequencer=Gathering(self.desk.sequencer.append_each),
            owner=owner_name(),
            clock=self.clock,
            registry=lambda: control.registry,
            refresh=refresh,
            newest_entry_us=self.desk.last_wall_us,
            detector=detector,
            pool=pool,
        )
        self.recorder = road.recorder
        control.on_change(road.recorder.subjects.follow)
        return road

    async def _keep_worker(self, listener: Listener) -> None:
        """Keep one worker running: a dead one is replaced; what it left open is closed when its line breaks."""
        descriptor = listener.fileno()
        command = (sys.executable, "-m", "wardkeep.app.worker_main", "--home", str(self.settings.home))
        while not self.stopping.is_set():
            owner = owner_name()
            # A worker that is taken over must not be able to derive the root key, nor to ask who holds it.
            opening = self._opening_variables()
            process = await asyncio.create_subprocess_exec(
                *command,
                "--fd",
                str(descriptor),
                "--owner",
                owner,
                pass_fds=[descriptor],
                env={name: value for name, value in os.environ.items() if name not in opening},
            )
            self.alive[owner] = process
            status = await process.wait()
            del self.alive[owner]
            if not self.stopping.is_set():
                self.log("worker_ended", status=status)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), _RESPAWN_SECONDS)

    def _opening_variables(self) -> frozenset[str]:
        """Return the variables that open the root, or one that the keys may move to."""
        places = [self.settings.root_place]
        places += [parse_root(each.line) for each in self.home.control.registry.root_moves.values()]
        return frozenset(name for place in places for name in secret_variables(place))

    async def _tend(self) -> None:
        """Try a ledger that could not be written again, so that calls resume without a restart and without traffic."""
        was_writable = True
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TEND_SECONDS)
            is_writable = self.home.ledger.writable or await self.home.ledger.probe()
            if is_writable != was_writable:
                self.log("ledger_writable" if is_writable else "ledger_unavailable")
            was_writable = is_writable
            if not self.home.subjects.writable and await self.home.subjects.probe():
                self.log("subject_keys_writable")
            if is_writable:
                with contextlib.suppress(LedgerError):
                    await self.home.emergency.settle()
            if is_writable and self.recorder is not None:
                with contextlib.suppress(LedgerError):
                    await self.recorder.settle()

    async def _keep_last_use(self) -> None:
        """Write down when keys were used. A disk that does not answer is said by the ledger beside it."""
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TEND_SECONDS)
            with contextlib.suppress(StoreError):
                await self.desk.sequencer.last_use.keep(self.clock().wall_us)

    async def _begin_watch(self) -> Watch:
        """Begin to watch that the record is complete, from the entry this instance started with."""
        watch = Watch(
            ledger=self.home.ledger,
            entries=self.home.entries,
            clock=self.clock,
            sent=self._sent,
            lag_seconds=self._witness_lag,
            is_glass_broken=lambda: is_unsettled(self.home.control.registry, self.clock().wall),
            is_emergency=lambda: self.home.emergency.is_alarming,
            started_at=self.started_at,
        )
        await watch.begin()
        return watch

    async def _keep_watch(self, watch: Watch) -> None:
        """Look every few seconds; say what begins and what ends."""
        stood: frozenset[Alarm] = frozenset()
        while not self.stopping.is_set():
            stands = await watch.turn()
            for alarm in sorted(stands - stood):
                self.log("alarm_raised", alarm=alarm.value)
            for alarm in sorted(stood - stands):
                self.log("alarm_cleared", alarm=alarm.value)
            stood = stands
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _WATCH_SECONDS)

    async def _give_epochs(self, frames: FrameServer | None, current: str, epochs: Mapping[str, bytes]) -> None:
        """Have calls hold these epochs; once a new one is current, have the older ones left after a grace."""
        is_new = current != self.desk.keys.epoch_id
        await self.desk.give_epochs(current, epochs, frames)
        if is_new:
            self._later(self._leave_old_epochs(frames))

    async def _leave_old_epochs(self, frames: FrameServer | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), _EPOCH_GRACE_SECONDS)
            return
        await self.desk.leave_old_epochs(frames)

    def _begin_budgets(self) -> None:
        control, budgets = self.home.control, self.desk.sequencer.budgets
        if budgets is not None:
            control.on_change(budgets.follow)
            budgets.follow(control.registry)
            self._later(keep_budgets(budgets, control, self.clock, stopping=self.stopping, log=self.log))

    def _budget_standing(self, budget: Budget) -> tuple[Use, str] | None:
        budgets = self.desk.sequencer.budgets
        return None if budgets is None else budgets.standing(budget, self.clock())

    def _note_used(self, name: str) -> None:
        self.desk.sequencer.last_use.note(name, self.clock().wall_us)

    async def _count_activity(self, activity: Activity) -> None:
        """Count what is there and what comes, so that no visitor waits for it or sees an old count."""
        while not self.stopping.is_set():
            with contextlib.suppress(LedgerError):
                await activity.follow()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _COUNT_SECONDS)

    def _sent(self) -> int:
        """Return how many requests all processes of this instance have sent upstream, those that ended included."""
        told = sum(counts.get(SENT, 0.0) for counts in self.desk.reported.values())
        return int(told) + (self.pool.sent if self.pool is not None else 0)

    def _witness_lag(self) -> float:
        publisher = self.publisher
        return publisher.lag_seconds if publisher is not None and publisher.witnesses is not None else 0.0

    def _publish(self) -> None:
        """Publish the log and have it cosigned, where the settings ask for it."""
        self.publisher = publisher_for(self.settings, self.home.ledger, self.clock)
        if self.publisher is None:
            return
        self.keeping = Keeping(
            settings=self.settings,
            clock=self.clock,
            registry=lambda: self.home.control.registry,
            timestamper=timestamper_for(self.settings),
            log=self.log,
        )
        publishing = Publishing(
            publisher=self.publisher,
            keeping=self.keeping,
            interval_seconds=self.settings.ledger.publish_seconds,
            stopping=self.stopping,
            on_disagreement=self._stop_disputed,
            log=self.log,
        )
        self._later(publishing.run())

    def _stop_disputed(self, error: WitnessDisagrees) -> None:
        """Stop: a witness holds a head under our own signature that this log does not continue."""
        self.log("log_disputed")
        self.disagreement = error
        self.stopping.set()

    async def _until_ready(self, servers: list[Server]) -> None:
        for server in servers:
            await server.started.wait()
        if self.workers > 1:
            await self.desk.wait_for(self.workers, self.stopping)

    async def _end(self, servers: list[Server], running: list[asyncio.Task[None]]) -> None:
        """End workers and servers; running calls get a grace."""
        for process in self.alive.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for server in servers:
            server.stop(GRACE_SECONDS)
        await asyncio.gather(*running, return_exceptions=True)
        await self.background.end()

    def _addresses(self) -> Addresses:
        scheme = "https" if self.settings.is_tls_on else "http"
        console, operations = (_address(scheme, each) for each in (self.sockets.console, self.sockets.operations))
        data = _address(scheme, self.sockets.data[0]) if self.sockets.data else ""
        return Addresses(data=data, console=console, operations=operations)

    def _readiness(self) -> Readiness:
        missing = ["calls"] if self.is_setup else []
        if not self.home.ledger.writable:
            missing.append("ledger")
        if not self.home.subjects.writable:
            missing.append("subject_keys")
        if self.home.control.registry.organisation is None:
            missing.append("organisation")
        if self.workers > 1 and not self.desk.joined:
            missing.append("workers")
        return Readiness(missing=tuple(missing))

    def _later(self, work: Coroutine[object, object, object]) -> None:
        """Start work that nobody waits for before the end; it is kept until then."""
        self.background.begin(work)

    def _counts(self) -> Counts:
        return total([self.metrics.snapshot(), *self.desk.reported.values()])

    def _vitals(self) -> Vitals:
        """Return how the instance is, for the console."""
        publisher, watch = self.publisher, self.watch
        witnesses = publisher is not None and publisher.witnesses is not None
        return Vitals(
            is_writable=self.home.ledger.writable,
            workers=self.workers,
            data_address=self._addresses().data,
            alarms=tuple(sorted(alarm.value for alarm in watch.raised)) if watch is not None else (),
            canary_age_seconds=watch.gauges()["canary_age_seconds"] if watch is not None else 0.0,
            published=publisher.published if publisher is not None else None,
            witnessed=publisher.witnessed if publisher is not None and witnesses else None,
            witness_lag_seconds=self._witness_lag(),
            stamped=self.keeping.stamped if self.keeping is not None else 0,
            archived=self.keeping.archived if self.keeping is not None else 0,
        )

    def _gauges(self) -> dict[str, float]:
        home, publisher = self.home, self.publisher
        sinks = self.sinks.gauges() if self.sinks is not None else dict[str, float]()
        index = self.searcher.index if self.searcher is not None else None
        watched = self.watch.gauges() if self.watch is not None else dict[str, float]()
        return {
            "ledger_writable": float(home.ledger.writable),
            "facts_epoch": float(home.control.registry.epoch),
            "published_entries": float(publisher.published if publisher is not None else 0),
            "witnessed_entries": float(publisher.witnessed if publisher is not None else 0),
            "stamped_entries": float(self.keeping.stamped if self.keeping is not None else 0),
            "archived_entries": float(self.keeping.archived if self.keeping is not None else 0),
            "alarm_canary": float(watched.get("alarm_canary", 0)),
            "alarm_gap": float(watched.get("alarm_gap", 0)),
            "alarm_unrecorded_call": float(watched.get("alarm_unrecorded_call", 0)),
            "alarm_witness": float(watched.get("alarm_witness", 0)),
            "alarm_sink": float(sinks.get("alarm_sink", 0)),
            "sink_lag_entries": float(sinks.get("sink_lag_entries", 0)),
            "sink_lag_seconds": float(sinks.get("sink_lag_seconds", 0)),
            "index_entries": float(index.size if index is not None else 0),
            "index_rebuilt": float(index.rebuilt if index is not None else 0),
            "alarm_break_glass": float(watched.get("alarm_break_glass", 0)),
            "alarm_emergency": float(watched.get("alarm_emergency", 0)),
            "spooled_appends": float(home.emergency.waiting),
            "canary_age_seconds": float(watched.get("canary_age_seconds", 0)),
            "watch_age_seconds": float(watched.get("watch_age_seconds", 0)),
            "witness_lag_seconds": float(publisher.lag_seconds if publisher is not None else 0),
        }


def _authority(settings: Settings) -> CertificateFiles:
    """Return the local authority, whose key may have been moved away."""
    return CertificateFiles(
        certificate=settings.authority_key_path.with_suffix(".crt"), key=settings.authority_key_path
    )


def _prepare_run_directory(directory: Path) -> None:
    """Make the directory of our sockets, open to nobody else."""
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)


def _address(scheme: str, listener: Listener) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


async def _newest_entry_us(home: OpenHome) -> int:
    """Return the newest entry's wall time, so that a clock set back while we were down is noticed."""
    head = await home.ledger.head()
    entry = await home.ledger.read(head.size - 1) if head.size else None
    if entry is None:
        return 0
    return int(datetime.fromisoformat(decode(entry.header).at).timestamp() * 1_000_000)


async def _founded_at(home: OpenHome) -> datetime | None:
    """Return when the ledger began: the first quarter after which access is reviewed counts from there."""
    entry = await home.ledger.read(0)
    return None if entry is None else datetime.fromisoformat(decode(entry.header).at)


async def _require_covered(home: OpenHome, places: tuple[Place, ...], clock: Clock) -> None:
    """Return when every place that holds PHI has an agreement; a start that is refused is on record."""
    registry = home.control.registry
    if registry.organisation is None:
        return
    try:
        require_covered(standings(registry, places, clock().day_in(registry.organisation.zone)))
    except NotAllowed as error:
        await home.control.refused(by="host", action="start", code=error.code)
        raise


async def _record_start(home: OpenHome, *, is_witnessed: bool, is_setup: bool) -> None:
    """Record that an instance starts: gaps between starts and stops are visible to an auditor."""
    detail: dict[str, str | int | bool] = {"action": "start", "version": version("wardkeep")}
    if not is_witnessed:
        detail["unwitnessed"] = True
    if is_setup:
        detail["setup"] = True
    await home.ledger.append([home.entries.draft("start", actor="host", detail=detail, payload=b"{}")])
