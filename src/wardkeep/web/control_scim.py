"""The part of the control API for who provisions (RFC 7644): its credential, and what its groups stand for."""

import os
from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import provisioning
from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.identity.keys import new_credential
from wardkeep.model.access import Role
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route

_CHANGE: Final = Permission.PERSON_CHANGE


class ScimClientForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who provisions; `roles` are what a group of that name stands for."""

    id: str
    roles: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)


class ScimRolesForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a client's groups stand for from now on."""

    roles: dict[str, frozenset[Role]]


async def _list(asked: Asked) -> object:
    registry = asked.registry
    return {
        "clients": [
            {
                "id": each.id,
                "is_active": each.is_active,
                "made_by": each.made_by,
                "roles": {name: sorted(roles) for name, roles in sorted(each.roles.items())},
                "users": sum(user.client == each.id for user in registry.scim_users.values()),
                "groups": sorted(g.display_name for g in registry.scim_groups.values() if g.client == each.id),
            }
            for _, each in sorted(registry.scim_clients.items())
        ]
    }


async def _add(asked: Asked, filled: ScimClientForm) -> object:
    credential = new_credential("scim", asked.app.keys.api_key_key, os.urandom)
    plan = partial(provisioning.put_client, client=filled.id, roles=filled.roles, credential=credential)
    shown = credential.shown_once.reveal()
    return await change(asked, "scim.add", filled.reason, plan, id=filled.id, credential=shown)


async def _map(asked: Asked, filled: ScimRolesForm) -> object:
    plan = partial(provisioning.put_client, client=asked.words[0], roles=filled.roles, credential=None)
    return await change(asked, "scim.map", filled.reason, plan)


async def _disable(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "scim.disable", filled.reason, partial(provisioning.end_client, client=asked.words[0]))


SCIM_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("scim-clients", Permission.REGISTRY_READ, "scim.list", _list),
    post_route("scim-clients", _CHANGE, "scim.add", ScimClientForm, _add),
    post_route("scim-clients/{}/map", _CHANGE, "scim.map", ScimRolesForm, _map),
    post_route("scim-clients/{}/disable", _CHANGE, "scim.disable", ReasonForm, _disable),
)
