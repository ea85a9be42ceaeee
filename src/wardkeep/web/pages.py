"""The pages of the console port: sign-in, enrolment, account, and the work places (raw ASGI). They decide nothing.

Everything works without JavaScript but the passkey ceremony, which is a browser's API. What is not in `ROUTES` is
denied, and every page that is not open to everybody needs a live session of an active person.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from jinja2 import Environment

from wardkeep.audit.errors import ControlNotApplied, LedgerUnavailable
from wardkeep.compliance.activity import Activity
from wardkeep.compliance.catalogue import Catalogue, load_catalogue
from wardkeep.compliance.control import Control
from wardkeep.compliance.errors import EntryUnopenable, NotAllowed
from wardkeep.compliance.exploring import Explored
from wardkeep.compliance.terms import require
from wardkeep.crypto.keys import DataKeys
from wardkeep.crypto.mac import mac
from wardkeep.crypto.randomness import Randomness
from wardkeep.gateway.pipeline import Road
from wardkeep.identity.sessions import Guesses, Sessions
from wardkeep.identity.sign_on import Away, Exchange, is_still_vouched
from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import EXPLANATIONS, Reason, RefusalError, Refused
from wardkeep.model.sensitive import Secret
from wardkeep.storage.errors import StoreError
from wardkeep.web.asgi import Receive, Scope, Send
from wardkeep.web.certificate import require_shown
from wardkeep.web.console.access import ACCESS_PAGES
from wardkeep.web.console.assistant import ASSISTANT_ROUTES
from wardkeep.web.console.attached import HeldFiles
from wardkeep.web.console.chats import Chats
from wardkeep.web.console.deeds import DEED_ROUTES
from wardkeep.web.console.evidence import EVIDENCE_PAGES
from wardkeep.web.console.incidents import INCIDENT_PAGES
from wardkeep.web.console.ledger import LEDGER_ROUTES
from wardkeep.web.console.listing import LISTING_ROUTES
from wardkeep.web.console.operating import OPERATING_ROUTES
from wardkeep.web.console.places import PLACE_ROUTES
from wardkeep.web.console.programme import PROGRAMME_PAGES
from wardkeep.web.console.records import RECORD_ROUTES
from wardkeep.web.console.registers import REGISTER_ROUTES
from wardkeep.web.console.setting_up import SET_UP_ROUTES
from wardkeep.web.console.shell import shell_of
from wardkeep.web.console.subject_pages import SUBJECT_ROUTES
from wardkeep.web.console.today import TODAY_ROUTES
from wardkeep.web.console.vitals import Vitals
from wardkeep.web.control import ControlFace
from wardkeep.web.page import (
    Page,
    PageRoute,
    Visit,
    check_same_site,
    cookie_name,
    cookies_of,
    pairs,
    read_form,
    send_file,
    send_page,
    static_files,
    templates,
)
from wardkeep.web.pages_account import ACCOUNT_ROUTES
from wardkeep.web.pages_provider import PROVIDER_ROUTES
from wardkeep.web.pages_sign_in import SIGN_IN_ROUTES

T = TypeVar("T")

ROUTES: Final = (
    *SIGN_IN_ROUTES,
    *PROVIDER_ROUTES,
    *ACCOUNT_ROUTES,
    *TODAY_ROUTES,
    *LEDGER_ROUTES,
    *LISTING_ROUTES,
    *DEED_ROUTES,
    *PLACE_ROUTES,
    *INCIDENT_PAGES,
    *ASSISTANT_ROUTES,
    *SET_UP_ROUTES,
    *PROGRAMME_PAGES,
    *ACCESS_PAGES,
    *REGISTER_ROUTES,
    *RECORD_ROUTES,
    *EVIDENCE_PAGES,
    *OPERATING_ROUTES,
    *SUBJECT_ROUTES,
)
SESSION_COOKIE: Final = "wardkeep-session"
PENDING_COOKIE: Final = "wardkeep-pending"

_UNOPENABLE: Final = {
    "code": "entry_unopenable",
    "what": "The sealed content of this entry does not open.",
    "why": "Its key is not here, or it is not what was sealed. Your attempt is on record.",
    "fix": "The operator runs `wardkeep verify` on the ledger and checks that keys.json is complete.",
}
_PENDING_SECONDS: Final = 600
_MOST_PENDING: Final = 4096
# Each derivation takes 46 MiB and a core; who has to wait behind more than this is told to come again.
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A ceremony that has begun: what was proven, and what the next answer is held against.

    `first` is how the first factor was proven before a code is asked for.
    """

    kind: str
    person: str | None
    until_us: int
    challenge: bytes = field(default=b"", repr=False)
    totp: bytes = field(default=b"", repr=False)
    handle: bytes = field(default=b"", repr=False)
    first: str = "password"
    away: Away | None = None


class Ceremonies:
    """Ceremonies under way, each under a random cookie and usable once. In memory: a restart begins them anew."""

    def __init__(self, mac_key: bytes) -> None:
        self._mac_key = mac_key
        self._held: OrderedDict[bytes, Pending] = OrderedDict()

    def begin(self, token: str, pending: Pending) -> None:
        """Keep a ceremony; the oldest is forgotten when there are too many."""
        self._held[mac(self._mac_key, b"pending", token.encode())] = pending
        while len(self._held) > _MOST_PENDING:
            self._held.popitem(last=False)

    def take(self, token: str | None, kind: str, now_us: int, *, keep: bool = False) -> Pending | None:
        """Return the ceremony of this kind and forget it, unless it is kept for another try."""
        if token is None:
            return None
        name = mac(self._mac_key, b"pending", token.encode())
        pending = self._held.get(name)
        if pending is None or pending.kind != kind or pending.until_us < now_us:
            return None
        if not keep:
            del self._held[name]
        return pending


class Derivations:
    """Password derivations beside the event loop: two at once, a short line behind them, and no more."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns. Raises RefusalError when the line is too long."""
        if self._waiting >= _MOST_WAITING:
            raise RefusalError(Refused(reason=Reason.SIGN_IN_BUSY))
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesFace:
    """The ASGI application of the console's pages. Make it with `pages_app`."""

    control: Control
    keys: DataKeys
    tenant: str
    clock: Callable[[], Instant]
    sessions: Sessions
    guesses: Guesses
    ceremonies: Ceremonies
    scheme: str
    breached: Path
    note_used: Callable[[str], None] = lambda _: None
    api: ControlFace
    ledger: Explored
    activity: Activity
    vitals: Callable[[], Vitals]
    road: Callable[[], Awaitable[Road]]
    missing: Callable[[], tuple[str, ...]]
    sign: Callable[[bytes], bytes]
    exchange: Exchange
    chats: Chats = field(default_factory=Chats)
    files: HeldFiles = field(default_factory=HeldFiles)
    catalogue: Catalogue = field(default_factory=load_catalogue)
    engine: Environment = field(default_factory=templates)
    static: dict[str, tuple[bytes, bytes]] = field(default_factory=static_files)
    randomness: Randomness = field(default_factory=Randomness)
    derivations: Derivations = field(default_factory=Derivations)

    @property
    def page_paths(self) -> frozenset[str]:
        """The pages that one may be sent on to."""
        return frozenset(route.path for route in ROUTES if route.method == "GET" and not route.is_open)

    def serves(self, path: str) -> bool:
        """Whether the path is a page's or a static file's."""
        return path in self.static or any(route.words(path) is not None for route in ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        is_head = scope["method"] == "HEAD"
        is_secure = self.scheme == "https"
        if scope["path"] in self.static and scope["method"] in {"GET", "HEAD"}:
            await send_file(send, *self.static[scope["path"]], is_head=is_head)
            return
        is_json = False
        visit: Visit | None = None
        try:
            route, words = _find("GET" if is_head else scope["method"], scope["path"])
            is_json = route.is_json
            visit = await self._visit(route, words, scope, receive)
            page = await self._answer(route, visit)
        except NotAllowed as error:
            values = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
            page = _refusal(error.status, values, is_json=is_json)
        except RefusalError as error:
            page = _told(error.refused.reason, is_json=is_json, wait_seconds=error.refused.retry_after_seconds)
        except EntryUnopenable:
            page = _refusal(409, dict(_UNOPENABLE), is_json=is_json)
        except (LedgerUnavailable, ControlNotApplied, StoreError):
            # No session without the record of it (45 CFR 164.312(b)).
            page = _told(Reason.LEDGER_UNAVAILABLE, is_json=is_json)
        shell = None if visit is None or page.template is None else shell_of(visit)
        await send_page(send, page, self.engine, shell, is_secure=is_secure, is_head=is_head)

    def forget_gone(self) -> None:
        """Forget files and conversations whose time is over, whose person left, or whose sessions were all ended.

        By whom and where they were ended does not matter here: on the account's page, by an officer, or by a directory.
        """
        now_us = self.clock().wall_us
        self.files.expire(now_us)
        self.chats.expire(now_us)
        known = self.control.registry.people
        here = {name for name in self.sessions.people() if name in known and known[name].is_active}
        for person in (self.files.people() | self.chats.people()) - here:
            self.files.forget(person)
            self.chats.end_all(person)

    async def _answer(self, route: PageRoute, visit: Visit) -> Page:
        if visit.session is None and not route.is_open:
            return Page(to="/sign-in")
        if route.permission is not None and visit.person is not None:
            try:
                require(visit.person, route.permission)
            except NotAllowed as error:
                # Somebody tried what they may not do: that is activity to review (45 CFR 164.308(a)(1)(ii)(D)).
                action = f"page.{route.path.strip('/').replace('/', '.').replace('{}', 'one')}"
                await self.control.refused(by=f"person:{visit.person.id}", action=action, code=error.code)
                raise
        return await route.handler(visit)

    async def _visit(self, route: PageRoute, words: tuple[str, ...], scope: Scope, receive: Receive) -> Visit:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        form: dict[str, str] = {}
        body, upload = b"", None
        if route.method == "POST":
            check_same_site(headers, host, self.scheme)
        cookies = cookies_of(headers)
        token = cookies.get(self.cookie(SESSION_COOKIE))
        now_us = self.clock().wall_us
        session = self.sessions.find(Secret(token), now_us) if token else None
        if route.method == "POST" and (session is not None or not route.takes_file):
            # A file is megabytes, read and split in the keeper: only for who is signed in; others are sent to do so.
            form, body, upload = await read_form(scope, receive, is_json=route.is_json, takes_file=route.takes_file)
            # Looked at again: what took its time to come may have outlived its session.
            now_us = self.clock().wall_us
            session = self.sessions.find(Secret(token), now_us) if token else None
        registry = self.control.registry
        person = registry.people.get(session.person) if session is not None else None
        holder = None if person is None else holder_name(HolderKind.PERSON, person.id)
        require_shown(scope, registry, holder=holder, now=self.clock().wall)
        if session is not None and (
            person is None or not person.is_active or not is_still_vouched(registry, person, session.method)
        ):
            # Who left, or whose provider is believed no more, is signed out by their next click, in every window.
            await self.sessions.end(session.id)
            session = person = None
        return Visit(
            app=self,
            method=route.method,
            path=scope["path"],
            query=pairs(scope["query_string"]),
            form=form,
            body=body,
            host=host,
            scheme=self.scheme,
            device=_device(headers.get(b"user-agent", b"")),
            cookies=cookies,
            registry=registry,
            session=session,
            person=person,
            now_us=now_us,
            words=words,
            upload=upload,
        )

    def cookie(self, base: str) -> str:
        """Return a cookie's name as it is on this scheme."""
        return cookie_name(base, is_secure=self.scheme == "https")

    async def slowly(self, work: Callable[[], T]) -> T:
        """Run a password derivation beside the event loop, few at once. Raises RefusalError when too many wait."""
        return await self.derivations.run(work)

    def pending(
        self,
        kind: str,
        now_us: int,
        *,
        person: str | None,
        challenge: bytes = b"",
        totp: bytes = b"",
        handle: bytes = b"",
        first: str = "password",
        away: Away | None = None,
    ) -> str:
        """Begin a ceremony and return the fresh token that it is kept under."""
        token = self.randomness(32).hex()
        until_us = now_us + _PENDING_SECONDS * 1_000_000
        held = Pending(
            kind=kind,
            person=person,
            until_us=until_us,
            challenge=challenge,
            totp=totp,
            handle=handle,
            first=first,
            away=away,
        )
        self.ceremonies.begin(token, held)
        return token


def pages_app(
    *,
    control: Control,
    keys: DataKeys,
    tenant: str,
    clock: Callable[[], Instant],
    sessions: Sessions,
    scheme: str,
    breached: Path,
    note_used: Callable[[str], None] = lambda _: None,
    api: ControlFace,
    ledger: Explored,
    activity: Activity,
    vitals: Callable[[], Vitals],
    guesses: Guesses | None = None,
    road: Callable[[], Awaitable[Road]],
    missing: Callable[[], tuple[str, ...]],
    sign: Callable[[bytes], bytes],
    exchange: Exchange,
) -> PagesFace:
    """Return the pages. `scheme` is what browsers see; `breached` the list of breached passwords, if there is one.

    `sign` signs exported lists with the ledger's key.

    What people read and change goes through `api`, so that pages have no rules of their own.
    """
    return PagesFace(
        control=control,
        keys=keys,
        tenant=tenant,
        clock=clock,
        sessions=sessions,
        guesses=guesses if guesses is not None else Guesses(),
        ceremonies=Ceremonies(keys.api_key_key),
        scheme=scheme,
        breached=breached,
        note_used=note_used,
        api=api,
        ledger=ledger,
        activity=activity,
        vitals=vitals,
        road=road,
        missing=missing,
        sign=sign,
        exchange=exchange,
    )


def _find(method: str, path: str) -> tuple[PageRoute, tuple[str, ...]]:
    is_known = False
    for route in ROUTES:
        words = route.words(path)
        if words is not None and route.method == method:
            return route, words
        is_known = is_known or words is not None
    if is_known:
        raise RefusalError(Refused(reason=Reason.METHOD_NOT_ALLOWED))
    raise RefusalError(Refused(reason=Reason.PATH_UNKNOWN))


def _device(agent: bytes) -> str:
    """Return what a list of devices shows of a browser: printable, short, and escaped where it is shown."""
    text = agent.decode("latin-1")
    return "".join(symbol for symbol in text if symbol.isprintable())[:80] or "unknown"


def _told(reason: Reason, *, is_json: bool, wait_seconds: int | None = None) -> Page:
    told = EXPLANATIONS[reason]
    fix = told.fix if wait_seconds is None else f"Wait {wait_seconds} seconds, or sign in with a passkey."
    values = {"code": reason.value, "what": told.what, "why": told.why, "fix": fix}
    return _refusal(told.status, values, is_json=is_json, wait_seconds=wait_seconds)


def _refusal(status: int, values: dict[str, str], *, is_json: bool, wait_seconds: int | None = None) -> Page:
    if is_json:
        return Page(json=json.dumps({"error": values}), status=status, retry_after_seconds=wait_seconds)
    return Page(template="refused.html", values=values, status=status, retry_after_seconds=wait_seconds)
