"""The console port's first page: that the instance runs, and what to type next. Everything else is the control API.

No script, no style sheet, no image, no credential and nothing from the registry: whoever reaches the port may read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wardkeep.web.asgi import Application, Receive, Scope, Send
from wardkeep.web.ops import Readiness
from wardkeep.web.pages import PagesFace

_HEADERS: Final = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Wardkeep</title><meta name="viewport" content="width=device-width"></head>
<body>
<main>
<h1>Wardkeep</h1>
<p>{state}</p>
<h2>Next</h2>
<ol>
<li>Record a vendor, its deployment and a route: <code>wardkeep route add --help</code></li>
<li>Record the business associate agreement: <code>wardkeep baa add --help</code>;
another officer activates it: <code>wardkeep baa activate --help</code></li>
<li>Make an application key: <code>wardkeep key create --help</code></li>
<li>Point an OpenAI or Anthropic client's base URL at the data port, with that key.</li>
</ol>
<p><a href="/sign-in">Sign in</a>, or <a href="/enrol">enrol</a> with your personal credential.</p>
<p>The control API is under <code>/api/</code>; it takes a personal credential.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage:
    """The ASGI application of the console port: the page at `/`, the people's pages, the control API behind them."""

    control: Application
    pages: PagesFace
    readiness: Callable[[], Readiness]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] not in {"GET", "HEAD"}:
            is_page = scope["type"] == "http" and self.pages.serves(scope["path"])
            await (self.pages if is_page else self.control)(scope, receive, send)
            return
        missing = self.readiness().missing
        state = (
            f"Not ready: {', '.join(missing)}. Run <code>wardkeep doctor</code>."
            if missing
            else "The gateway is ready."
        )
        body = _PAGE.format(state=state).encode()
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
