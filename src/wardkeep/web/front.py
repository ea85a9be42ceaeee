"""The console port: the people's pages where there are some, the control API behind them."""

from dataclasses import dataclass

from wardkeep.web.asgi import Application, Receive, Scope, Send
from wardkeep.web.pages import PagesFace


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage:
    """The ASGI application of the console port."""

    control: Application
    pages: PagesFace
    scim: Application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith("/scim/v2/"):
            await self.scim(scope, receive, send)
            return
        is_page = scope["type"] == "http" and self.pages.serves(scope["path"])
        await (self.pages if is_page else self.control)(scope, receive, send)
