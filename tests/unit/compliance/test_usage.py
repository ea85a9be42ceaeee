"""What calls used and cost: from the ledger's records alone, each attempt once, nothing guessed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import orjson
import pytest
from tests.unit.compliance.organisation import deployment

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.prices import add_price, price_on, price_view, remove_price
from wardkeep.compliance.records import Kind, decode, encode
from wardkeep.compliance.usage import Account, Sum, Whose, account, usage_view
from wardkeep.model.access import Role
from wardkeep.model.price import Price
from wardkeep.model.registry import Person, Registry

PRICE = Price(
    id="p1", deployment="d1", currency="USD", input_per_million=Decimal("2.50"), output_per_million=Decimal(10),
    from_day=date(2026, 10, 1), source="order form of 2026-09-30",
)  # fmt: skip
BY = Person(id="admin", roles=frozenset({Role.ADMINISTRATOR}), is_active=True)
HELD = Registry(epoch=1, deployments={"d1": deployment(id="d1")})
WHOSE = Whose(workspace="w", identity="key:k1", person="", deployment="d1", model="m")


def request(identifier: str, at: str, **more: object) -> bytes:
    body = {"type": "request", "id": identifier, "at": at, "actor": "key:k1", "workspace": "w", "deployment": "d1",
            "model": "m", "detail": {}}  # fmt: skip
    return orjson.dumps(body | more)


def closing(parent: str, decision: str = "answered", **more: object) -> bytes:
    kind = "response" if decision == "answered" else "aborted"
    body = {"type": kind, "id": f"c-{parent}", "at": "2026-10-02T00:00:00Z", "parent": parent, "decision": decision}
    return orjson.dumps(body | more)


def added_up(*leaves: bytes, prices: tuple[Price, ...] = (PRICE,), zone: str = "Etc/UTC") -> Account:
    found = Account(first=date(2026, 10, 1), last=date(2026, 10, 2), zone=zone, prices=prices)
    for leaf in leaves:
        found.take(leaf)
    return found


NOON = "2026-10-01T12:00:00.000000Z"


def test_tokens_and_cost_are_added_by_whose_they_are():
    found = added_up(
        request("a", NOON),
        request("b", NOON, detail={"person": "dr-1"}, workspace="other"),
        closing("b", tokens_in=1_000_000, tokens_out=0),
        closing("a", tokens_in=1_000, tokens_out=100),
        request("c", NOON),
        closing("c", tokens_in=1_000, tokens_out=100),
    ).sums
    assert found[WHOSE] == Sum(calls=2, answered=2, tokens_in=2_000, tokens_out=200, cost={"USD": Decimal("0.007")})
    (other,) = [whose for whose in found if whose.workspace == "other"]
    assert (other.person, found[other].cost) == ("dr-1", {"USD": Decimal("2.5")})
    assert usage_view(found)[0]["cost"] == {"USD": "2.500000"}


def test_what_was_not_told_is_not_guessed_and_what_has_no_price_is_not_free():
    found = added_up(
        request("a", NOON), closing("a"), request("b", NOON), closing("b", "vendor_unreachable"),
        request("c", NOON), closing("c", tokens_in=5, tokens_out=5), prices=(),
    ).sums[WHOSE]  # fmt: skip
    assert found == Sum(calls=3, answered=2, tokens_in=5, tokens_out=5, unmetered=1, unpriced=1)


def test_days_are_the_organisations_and_a_call_counts_on_the_day_it_began():
    late = "2026-10-03T03:59:59.000000Z"  # still the 2nd in New York
    assert added_up(request("a", late), closing("a", tokens_in=1), zone="America/New_York").sums[WHOSE].tokens_in == 1
    assert not added_up(request("a", late), closing("a", tokens_in=1)).sums
    assert not added_up(request("a", "2026-09-30T23:59:59.000000Z")).sums


def test_it_ends_when_the_days_are_over_and_their_calls_closed():
    found = added_up(request("a", NOON), request("b", "2026-10-03T12:00:00.000000Z"))
    assert (found.is_past, found.is_done) == (True, False)
    found.take(closing("a", tokens_in=7))
    assert found.is_done
    assert found.sums[WHOSE].tokens_in == 7


class Stored:
    """A ledger that is a list."""

    def __init__(self, leaves):
        self.leaves = leaves
        self.scanned = 0

    async def read(self, index):
        return type("Entry", (), {"header": self.leaves[index]})() if index < len(self.leaves) else None

    async def scan(self, start, stop):
        for leaf in self.leaves[start:stop]:
            self.scanned += 1
            yield type("Entry", (), {"header": leaf})()


async def test_only_the_days_asked_for_are_read():
    def day(number: int) -> str:
        return f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T10:00:00.000000Z"

    leaves = []
    for number in range(300):
        leaves += [request(f"r{number}", day(number)), closing(f"r{number}", tokens_in=1, at=day(number))]
    stored = Stored(leaves)
    found = Account(first=date(2026, 10, 1), last=date(2026, 10, 2), zone="Etc/UTC", prices=())
    await account(stored, len(leaves), found)
    assert found.sums[WHOSE].calls == 2
    assert stored.scanned < 14


def test_the_newest_price_that_has_begun_holds():
    later = replace(PRICE, id="p2", from_day=date(2026, 10, 5), input_per_million=Decimal(1))
    assert price_on((PRICE, later), "d1", date(2026, 9, 30)) is None
    assert price_on((later, PRICE), "d1", date(2026, 10, 4)) == PRICE
    assert price_on((PRICE, later), "d1", date(2026, 10, 5)) == later
    assert price_on((PRICE, later), "d2", date(2026, 10, 5)) is None


def test_a_price_is_kept_exactly():
    (change,) = add_price(HELD, BY, price=replace(PRICE, input_per_million=Decimal("0.1")))
    assert change.record is not None
    kept = decode(Kind.PRICES, encode(change.record))
    assert price_view(kept)["input_per_million"] == "0.1"
    assert price_view(kept)["added_by"] == "admin"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"deployment": "nope"}, "not_found"),
        ({"currency": "usd"}, "value_invalid"),
        ({"input_per_million": Decimal(-1)}, "value_invalid"),
        ({"output_per_million": Decimal("NaN")}, "value_invalid"),
        ({"source": " "}, "value_invalid"),
        ({"id": "P 1"}, "value_invalid"),
    ],
)
def test_a_price_that_cannot_be_is_refused(wrong, code):
    with pytest.raises(NotAllowed) as refused:
        add_price(HELD, BY, price=replace(PRICE, **wrong))
    assert refused.value.code == code


def test_a_price_is_not_put_over_another_and_is_taken_away():
    held = replace(HELD, prices={"p1": PRICE})
    with pytest.raises(NotAllowed) as refused:
        add_price(held, BY, price=PRICE)
    assert refused.value.code == "already_exists"
    assert remove_price(held, BY, price="p1")[0].record is None
    with pytest.raises(NotAllowed):
        remove_price(HELD, BY, price="p1")
    with pytest.raises(NotAllowed):
        add_price(HELD, replace(BY, roles=frozenset()), price=PRICE)
