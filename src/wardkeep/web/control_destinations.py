"""The part of the control API for the register of destinations."""

from functools import partial
from typing import Final

from wardkeep.compliance import destination_forms as form
from wardkeep.compliance import destinations
from wardkeep.compliance.forms import ReasonForm
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _list(asked: Asked) -> object:
    rows = destinations.standings(asked.registry, asked.app.places, today(asked))
    return {"destinations": [destinations.standing_view(row) for row in rows]}


async def _state(asked: Asked, filled: form.DestinationForm) -> object:
    plan = partial(
        destinations.state_destination,
        destination=filled.destination(),
        places=asked.app.places,
        today=today(asked),
    )
    return await change(asked, "destination.state", filled.reason, plan, id=filled.id)


async def _withdraw(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(destinations.withdraw_destination, destination=asked.words[0])
    return await change(asked, "destination.withdraw", filled.reason, plan)


DESTINATION_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("destinations", Permission.REGISTRY_READ, "destination.list", _list),
    post_route("destinations", Permission.SINK_CHANGE, "destination.state", form.DestinationForm, _state),
    post_route("destinations/{}/withdraw", Permission.SINK_CHANGE, "destination.withdraw", ReasonForm, _withdraw),
)
