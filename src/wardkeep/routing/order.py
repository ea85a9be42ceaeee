"""In which order a route's deployments are asked: by the operator's order, shared out by weight, the failing ones last.

Pure. The order opens nothing: each deployment still has to pass the gate (`routing.choose`). Sharing out is by
conversation (weighted rendezvous hashing), so that a conversation stays with one vendor over turns, workers and
replicas without shared state: no second vendor sees it unless the first cannot answer.
"""

from dataclasses import dataclass
from math import log2
from typing import Final

from wardkeep.crypto.mac import sha256
from wardkeep.model.registry import Route

_SPAN: Final = float(1 << 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of deployments when a route is chosen: `failed` in this call, `resting` after failures in others.

    `failed` stands in the order in which they may be asked again.

    Neither closes anything. Where no other deployment passes the gate, one that rests is asked all the same: a guess
    about a vendor's health never refuses care.
    """

    failed: tuple[str, ...] = ()
    resting: frozenset[str] = frozenset()


WELL: Final = Standing()


def ordered(route: Route, conversation_key: bytes, standing: Standing = WELL) -> tuple[str, ...]:
    """Return the ids of the route's deployments, the one to ask first in front."""
    names = (route.deployment, *route.fallbacks)
    if route.weights:
        names = tuple(sorted(names, key=lambda name: _score(name, route.weights.get(name, 0), conversation_key)))
    if not standing.failed and not standing.resting:
        return names
    again = {name: place for place, name in enumerate(standing.failed, start=1)}
    return tuple(sorted(names, key=lambda name: (again.get(name, 0), name in standing.resting)))


def _score(name: str, weight: int, conversation_key: bytes) -> float:
    """Return a number that is smallest for each deployment in proportion to its weight; without one it stays behind."""
    if weight <= 0:
        return float("inf")
    drawn = int.from_bytes(sha256(conversation_key + b"\0" + name.encode())[:8], "big")
    return -log2((drawn + 1) / (_SPAN + 1)) / weight
