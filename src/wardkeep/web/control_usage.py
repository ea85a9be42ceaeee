"""The part of the control API for what calls used and cost: prices, and sums from the ledger."""

from datetime import date
from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import usage_forms as form
from wardkeep.compliance.prices import add_price, price_view, remove_price
from wardkeep.compliance.terms import invalid
from wardkeep.compliance.usage import Account, usage_view
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _list_prices(asked: Asked) -> object:
    return {"prices": [price_view(each) for _, each in sorted(asked.registry.prices.items())]}


async def _add_price(asked: Asked, filled: form.PriceForm) -> object:
    return await change(asked, "price.add", filled.reason, partial(add_price, price=filled.price()), id=filled.id)


async def _remove_price(asked: Asked, filled: form.RemovalForm) -> object:
    return await change(asked, "price.remove", filled.reason, partial(remove_price, price=asked.words[0]))


async def _usage(asked: Asked) -> object:
    first, last = _day(asked, "from"), _day(asked, "to")
    if first > last:
        raise invalid("range of days", "in order")
    organisation = asked.registry.organisation
    zone = "Etc/UTC" if organisation is None else organisation.zone
    found = Account(first=first, last=last, zone=zone, prices=tuple(asked.registry.prices.values()))
    read_index = await asked.app.reader.account(by=asked.by, into=found)
    days = {"from": first.isoformat(), "to": last.isoformat(), "zone": zone}
    return {**days, "usage": usage_view(found.sums), "read_index": read_index}


def _day(asked: Asked, name: str) -> date:
    given = asked.query.get(name)
    if given is None:
        return today(asked)
    try:
        return msgspec.convert(given, date)
    except msgspec.ValidationError:
        raise invalid(name, "a day like 2026-10-01") from None


USAGE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("prices", Permission.REGISTRY_READ, "price.list", _list_prices),
    post_route("prices", Permission.ROUTE_CHANGE, "price.add", form.PriceForm, _add_price),
    post_route("prices/{}/remove", Permission.ROUTE_CHANGE, "price.remove", form.RemovalForm, _remove_price),
    get_route("usage", Permission.LEDGER_READ, "usage.show", _usage, optional=("from", "to")),
)
