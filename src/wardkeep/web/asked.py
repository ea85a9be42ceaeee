"""One identified and permitted request of the control API, and how its routes are written.

`web.control` answers them; the areas (`web.control`, `web.control_access`) list theirs. The face decides nothing: a
change's rule is asked again while no other change can come between.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import msgspec

from wardkeep.compliance.forms import read_form
from wardkeep.compliance.records import Change
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

if TYPE_CHECKING:
    from wardkeep.web.control import ControlFace


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One identified and permitted request. `words` are the path's variable parts in order."""

    app: "ControlFace"
    by: Person
    registry: Registry
    words: tuple[str, ...]
    query: dict[str, str]
    body: dict[str, object] = field(repr=False)


Handler = Callable[[Asked], Awaitable[object]]
F = TypeVar("F", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One endpoint. `{}` in the path stands for one variable part; `name` is the action in the ledger.

    `form` is what the body must be, None for a route that only reads; `query` the names that must stand after `?`,
    `optional` those that may.
    """

    method: str
    path: str
    permission: Permission
    name: str
    form: type[msgspec.Struct] | None
    query: tuple[str, ...]
    handler: Handler
    optional: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The path between slashes."""
        return tuple(self.path.split("/"))


def get_route(
    path: str,
    permission: Permission,
    name: str,
    handler: Handler,
    *,
    query: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> ApiRoute:
    """Return a route that only reads."""
    return ApiRoute(
        method="GET",
        path=path,
        permission=permission,
        name=name,
        form=None,
        query=query,
        handler=handler,
        optional=optional,
    )


def post_route(
    path: str, permission: Permission, name: str, form_type: type[F], handler: Callable[[Asked, F], Awaitable[object]]
) -> ApiRoute:
    """Return a route that takes exactly this form: it is read before its handler runs, and documented from here."""

    async def read_and_handle(asked: Asked) -> object:
        return await handler(asked, read_form(form_type, asked.body))

    return ApiRoute(
        method="POST", path=path, permission=permission, name=name, form=form_type, query=(), handler=read_and_handle
    )


async def change(
    asked: Asked,
    action: str,
    reason: str,
    plan: Callable[[Registry, Person], Sequence[Change]],
    **shown: object,
) -> object:
    """Make one change, its rule asked with the person as they are when it is made, not when they knocked."""

    def planned(registry: Registry) -> Sequence[Change]:
        by = registry.people.get(asked.by.id)
        return plan(registry, by if by is not None else asked.by)

    index = await asked.app.control.change(by=actor(asked.by), action=action, reason=reason, plan=planned)
    # In an emergency the entry waits in the spool, and has no index yet.
    return {"ledger_index": index if index >= 0 else None, **shown}


def today(asked: Asked) -> date:
    """Return the day it is where the organisation is."""
    organisation = asked.registry.organisation
    if organisation is None:
        raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))
    return asked.app.clock().day_in(organisation.zone)


def actor(person: Person) -> str:
    """Return the ledger's name for a person."""
    return f"person:{person.id}"
