"""Prices of deployments' tokens, and which one holds on a day. Pure. None is shipped: list prices are not contracts."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.model.price import Price
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MOST: Final = Decimal(1_000_000)


def add_price(registry: Registry, by: Person, *, price: Price) -> tuple[Change, ...]:
    """Put a price on record. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    if clean_id(price.id, "price id") in registry.prices:
        raise taken("price", "Choose another id; a later `from_day` replaces an earlier price.")
    if price.deployment not in registry.deployments:
        raise unknown("deployment", "wardkeep route list")
    if CURRENCY.fullmatch(price.currency) is None:
        raise invalid("currency", "three capital letters (ISO 4217)")
    for each in (price.input_per_million, price.output_per_million):
        if not each.is_finite() or not 0 <= each <= _MOST:
            raise invalid("price per million tokens", "a number from 0 to 1000000")
    record = replace(price, source=clean_text(price.source, "source"), added_by=by.id)
    return (Change(kind=Kind.PRICES, id=price.id, record=record),)


def remove_price(registry: Registry, by: Person, *, price: str) -> tuple[Change, ...]:
    """Take a price away; sums that were reckoned with it are not changed, they are reckoned anew. Raises NotAllowed."""
    require(by, Permission.ROUTE_CHANGE)
    if price not in registry.prices:
        raise unknown("price", "wardkeep route price list")
    return (Change(kind=Kind.PRICES, id=price, record=None),)


def price_on(prices: Iterable[Price], deployment: str, day: date) -> Price | None:
    """Return the price that holds for a deployment on a day: the newest that has begun."""
    begun = [each for each in prices if each.deployment == deployment and each.from_day <= day]
    return max(begun, key=lambda each: (each.from_day, each.id), default=None)


def price_view(price: Price) -> dict[str, object]:
    """Return a price as it is shown."""
    return {
        "id": price.id,
        "deployment": price.deployment,
        "currency": price.currency,
        "input_per_million": str(price.input_per_million),
        "output_per_million": str(price.output_per_million),
        "from_day": price.from_day.isoformat(),
        "source": price.source,
        "added_by": price.added_by,
    }
