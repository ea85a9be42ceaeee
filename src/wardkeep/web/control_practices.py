"""The part of the control API for the 12-month report of practices and the risk analysis in the SRA Tool's order."""

from typing import Final

from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.practices import analysis_in_order, practices_view
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, get_route, today


async def _practices(asked: Asked) -> object:
    return practices_view(asked.registry, today(asked))


async def _in_order(asked: Asked) -> object:
    return analysis_in_order(asked.registry, load_catalogue(), today(asked))


PRACTICE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("evidence/practices", Permission.REGISTRY_READ, "evidence.practices", _practices),
    get_route("risks/in-order", Permission.REGISTRY_READ, "risk.order", _in_order),
)
