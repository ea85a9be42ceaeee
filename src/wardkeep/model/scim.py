"""Provisioning as values: who may provision, and the users and groups that they did (RFC 7643)."""

from dataclasses import dataclass, field
from datetime import datetime

from wardkeep.model.access import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimClient:
    """An identity provider that provisions people. `roles` says which roles a group of that name stands for.

    Whoever holds its credential can enrol people with the roles of care, billing and research that `roles` names, and
    can end whom it enrolled; roles that reach into the control plane it can only ask for.
    """

    id: str
    mac: bytes = field(repr=False)
    made_by: str
    roles: dict[str, frozenset[Role]]
    is_active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimUser:
    """A provisioned person. `id` is the person's; `granted` and `asked` are roles that groups gave or asked for.

    `active` None is unassigned, and counts as False.
    """

    id: str
    client: str
    user_name: str
    created_at: datetime
    modified_at: datetime
    display_name: str | None = None
    external_id: str | None = None
    active: bool | None = None
    granted: frozenset[Role] = frozenset()
    asked: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimGroup:
    """A provisioned group; its name decides what it stands for."""

    id: str
    client: str
    display_name: str
    created_at: datetime
    modified_at: datetime
    external_id: str | None = None
    members: tuple[str, ...] = ()
