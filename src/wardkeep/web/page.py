"""What a page of the console is: a visit in, an answer out, and the rules that hold for all of them.

No inline script or style, and the policy says so to the browser (CSP level 3). Unsafe methods come from our own pages
only: `Sec-Fetch-Site`, or `Origin` where a browser does not send it (W3C Fetch Metadata); neither is a refusal. Cookies
are unreadable to scripts, and never sent from elsewhere. Every value is escaped by the template engine.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission
from wardkeep.storage.sessions_sqlite import SessionRow
from wardkeep.web.asgi import Receive, Scope, Send
from wardkeep.web.guard import read_body
from wardkeep.web.multipart import MAX_FILE_BYTES, Upload, is_multipart, read_multipart

if TYPE_CHECKING:
    from wardkeep.web.pages import PagesFace

MAX_FORM_BYTES: Final = 64 * 1024
_HERE: Final = Path(__file__).parent

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_SECURITY: Final = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms (Fetch section 3.1).
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"publickey-credentials-get=(self), publickey-credentials-create=(self)"),
]
_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request to a page, read and not believed. `session` is live and `person` active, or both are None."""

    app: "PagesFace"
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    host: str
    scheme: str
    device: str
    cookies: dict[str, str] = field(repr=False)
    registry: Registry
    session: SessionRow | None
    person: Person | None
    now_us: int
    words: tuple[str, ...] = ()
    upload: Upload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file for the visitor to keep; the name is ours, never one that somebody typed."""

    name: str
    kind: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie to set; an empty value takes it away. `is_lax` ones are shown to us when another site leads here."""

    name: str
    value: Secret[str]
    is_lax: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer: a template with its values, a JSON text, a file, a stream of events, or the place to go to (303)."""

    template: str | None = None
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    json: str | None = None
    to: str | None = None
    download: Download | None = None
    stream: AsyncGenerator[bytes, None] | None = field(default=None, repr=False)
    status: int = 200
    cookies: tuple[Cookie, ...] = ()
    retry_after_seconds: int | None = None


PageHandler = Callable[[Visit], Awaitable[Page]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRoute:
    """One page. `is_open` pages are for everybody; all others need a session, and are refused without.

    `{}` in the path stands for one variable part. A page with a permission is refused to whom it is not given.
    """

    method: str
    path: str
    handler: PageHandler
    is_open: bool = False
    is_json: bool = False
    takes_file: bool = False
    permission: Permission | None = None

    def words(self, path: str) -> tuple[str, ...] | None:
        """Return the variable parts of a path that is this page's, or None."""
        wanted, parts = self.path.split("/"), path.split("/")
        if len(wanted) != len(parts) or any(a not in {"{}", b} for a, b in zip(wanted, parts, strict=True)):
            return None
        return tuple(part for a, part in zip(wanted, parts, strict=True) if a == "{}")


def templates() -> Environment:
    """Return the engine: everything escaped, an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def check_same_site(headers: Mapping[bytes, bytes], host: str, scheme: str) -> None:
    """Return when an unsafe request comes from our own pages. Raises RefusalError (cross-site request forgery)."""
    fetch_site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if fetch_site is not None and fetch_site != b"same-origin":
        raise RefusalError(Refused(reason=Reason.REQUEST_CROSS_SITE))
    if origin is not None and origin != f"{scheme}://{host}".encode():
        raise RefusalError(Refused(reason=Reason.REQUEST_CROSS_SITE))
    if fetch_site is None and origin is None:
        raise RefusalError(Refused(reason=Reason.REQUEST_CROSS_SITE))


def static_files() -> dict[str, tuple[bytes, bytes]]:
    """Return our static files by path, each with its media type."""
    return {
        f"/static/{name}": ((_HERE / "static" / name).read_bytes(), kind)
        for name, kind in (
            ("style.css", b"text/css; charset=utf-8"),
            ("passkey.js", b"text/javascript; charset=utf-8"),
            ("assistant.js", b"text/javascript; charset=utf-8"),
            ("refusals.js", b"text/javascript; charset=utf-8"),
            ("mark.svg", b"image/svg+xml"),
        )
    }


async def read_form(
    scope: Scope, receive: Receive, *, is_json: bool, takes_file: bool = False
) -> tuple[dict[str, str], bytes, Upload | None]:
    """Return the form's fields, the body as it is of a JSON request, and the file of one that may have one.

    Raises:
        RefusalError: it is too large, of another media type, or could be read in two ways.
    """
    sent = [value for name, value in scope["headers"] if name == b"content-type"]
    if takes_file and len(sent) == 1 and is_multipart(sent[0]):
        fields, upload = read_multipart(sent[0], await read_body(receive, MAX_FILE_BYTES + 2 * MAX_FORM_BYTES))
        return fields, b"", upload
    body = await read_body(receive, MAX_FORM_BYTES)
    kinds = [value.partition(b";")[0].strip().lower() for value in sent]
    if kinds != [_JSON if is_json else _FORM]:
        raise RefusalError(Refused(reason=Reason.MEDIA_TYPE_UNSUPPORTED))
    if is_json:
        return {}, body, None
    return pairs(body), b"", None


def pairs(raw: bytes) -> dict[str, str]:
    """Return the fields of a form or query; a name that stands twice could be read in two ways. Raises RefusalError."""
    try:
        found = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=64, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise RefusalError(Refused(reason=Reason.REQUEST_MALFORMED)) from None
    if len(dict(found)) != len(found):
        raise RefusalError(Refused(reason=Reason.REQUEST_MALFORMED))
    return dict(found)


def cookies_of(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return the cookies; of two with one name neither counts (a planted one must not win)."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name in found:
            twice.add(name)
        found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


async def send_page(
    send: Send,
    page: Page,
    engine: Environment,
    shell: Mapping[str, object] | None = None,
    *,
    is_secure: bool,
    is_head: bool,
) -> None:
    """Write one answer; `shell` is what stands around a page of somebody who is signed in."""
    headers = [*_SECURITY, (b"cache-control", b"no-store")]
    body = b""
    if page.stream is not None:
        await _send_stream(send, page.stream, headers)
        return
    if page.to is not None:
        headers.append((b"location", page.to.encode("ascii")))
    elif page.json is not None:
        body = page.json.encode()
        headers.append((b"content-type", b"application/json"))
    elif page.download is not None:
        body = page.download.body
        headers.append((b"content-type", page.download.kind.encode("ascii")))
        headers.append((b"content-disposition", f'attachment; filename="{page.download.name}"'.encode("ascii")))
    elif page.template is not None:
        body = engine.get_template(page.template).render(shell=shell, **page.values).encode()
        headers.append((b"content-type", b"text/html; charset=utf-8"))
    headers += [(b"set-cookie", _cookie(each, is_secure=is_secure)) for each in page.cookies]
    if page.retry_after_seconds is not None:
        headers.append((b"retry-after", str(page.retry_after_seconds).encode()))
    headers.append((b"content-length", str(len(body)).encode()))
    await send(
        {"type": "http.response.start", "status": 303 if page.to is not None else page.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": b"" if is_head else body})


async def _send_stream(send: Send, stream: AsyncGenerator[bytes, None], headers: list[tuple[bytes, bytes]]) -> None:
    """Write server-sent events as they come (WHATWG HTML "server-sent events")."""
    headers = [*headers, (b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        async for piece in stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        # Who leaves ends the call: upstream is cut, and the entry says what was released.
        await stream.aclose()
    await send({"type": "http.response.body", "body": b""})


async def send_file(send: Send, body: bytes, kind: bytes, *, is_head: bool) -> None:
    """Write one of our own static files."""
    headers = [*_SECURITY, (b"content-type", kind), (b"content-length", str(len(body)).encode())]
    headers.append((b"cache-control", b"no-cache"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def cookie_name(base: str, *, is_secure: bool) -> str:
    """Return the cookie's name, with the prefix that lets no other host or path set it (RFC 6265bis 4.1.3.2)."""
    return f"__Host-{base}" if is_secure else base


def _cookie(cookie: Cookie, *, is_secure: bool) -> bytes:
    value = cookie.value.reveal()
    same_site = "SameSite=Lax" if cookie.is_lax else "SameSite=Strict"
    parts = [f"{cookie_name(cookie.name, is_secure=is_secure)}={value}", "Path=/", "HttpOnly", same_site]
    if is_secure:
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    return "; ".join(parts).encode("ascii")
