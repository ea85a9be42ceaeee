"""What is used of budgets: added up from headers, by whose it is, on the organisation's days, nothing left out."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.organisation import ADMIN, PRIVACY, SECURITY, after, deployment, registry

from wardkeep.compliance.budget_index import index_budgets
from wardkeep.compliance.budgets import due_marks, remove_budget, set_budget
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.spending import Spending, Use
from wardkeep.compliance.usage import Account
from wardkeep.model.access import Application, ApplicationKind
from wardkeep.model.budget import Budget, BudgetHolder, Period
from wardkeep.model.price import Price
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import ApiKey

TODAY = date(2026, 11, 23)
NOON = "2026-11-23T12:00:00.000000Z"
PRICE = Price(
    id="p1", deployment="d1", currency="USD", input_per_million=Decimal("2.50"), output_per_million=Decimal(10),
    from_day=date(2026, 10, 1), source="order form",
)  # fmt: skip


def key(name, **more) -> ApiKey:
    return ApiKey(
        id=name, mac=b"", name=name, owner="developer", workspace="default", models=frozenset(), purposes=frozenset(),
        default_purpose=None, expires_at=None, **more,
    )  # fmt: skip


APPLICATION = Application(
    id="scheduler", name="n", kind=ApplicationKind.APPLICATION, owner="developer", workspace="default",
    roles=frozenset(), is_active=True,
)  # fmt: skip
HELD = replace(
    registry(),
    keys={
        "k1": key("k1", application="scheduler"),
        "k2": key("k2", replaces="k1", application="scheduler"),
        "k3": key("k3"),
    },
    applications={"scheduler": APPLICATION},
    deployments={"d1": deployment(id="d1")},
    prices={"p1": PRICE},
)


def budget(kind=BudgetHolder.KEY, holder="k1", period=Period.MONTH, **limits) -> Budget:
    return Budget(id="b1", kind=kind, holder=holder, period=period, **(limits or {"tokens": 1000}))


def request(name, at=NOON, by="k1", **more) -> bytes:
    head = {"type": "request", "id": name, "at": at, "actor": f"key:{by}", "workspace": "default", "deployment": "d1"}
    return orjson.dumps({**head, "ct_len": 401, "detail": {}, **more})


def closing(parent, kind="response", decision="answered", **more) -> bytes:
    head = {"type": kind, "id": f"c{parent}", "at": NOON, "parent": parent, "decision": decision}
    return orjson.dumps({**head, "ct_len": 199, **more})


def counted(*leaves, zone="America/New_York") -> Spending:
    found = Spending(zone=zone)
    for leaf in leaves:
        found.take(leaf)
    return found


def used(spending, wanted=None, day=TODAY, held=HELD) -> Use:
    return spending.used(index_budgets(held), wanted or budget(), day)


def test_a_call_counts_for_its_key_person_application_and_workspace():
    spending = counted(request("a", detail={"person": "nia"}), closing("a", tokens_in=30, tokens_out=12))
    for kind, holder in (
        (BudgetHolder.KEY, "k1"),
        (BudgetHolder.APPLICATION, "scheduler"),
        (BudgetHolder.PERSON, "nia"),
        (BudgetHolder.WORKSPACE, "default"),
    ):
        assert used(spending, budget(kind, holder)).tokens == 42
    for kind, holder in ((BudgetHolder.KEY, "k3"), (BudgetHolder.PERSON, "ben"), (BudgetHolder.WORKSPACE, "w")):
        assert used(spending, budget(kind, holder)).tokens == 0


def test_a_new_key_in_place_of_an_old_one_begins_nothing_anew():
    spending = counted(request("a", by="k1"), closing("a", tokens_in=600, tokens_out=0))
    spending.take(request("b", by="k2"))
    spending.take(closing("b", tokens_in=0, tokens_out=400))
    assert used(spending).refusal is Reason.BUDGET_EXHAUSTED
    assert [
        each.id for each in index_budgets(held_with(budget())).applying(key="k2", person="", workspace="default")
    ] == ["b1"]
    assert index_budgets(held_with(budget())).applying(key="k3", person="", workspace="default") == []


def held_with(*budgets):
    return replace(HELD, budgets={each.id: each for each in budgets})


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        ("2026-11-24T04:59:59.000000Z", 7, 7),  # still the 23rd in New York
        ("2026-11-24T05:00:00.000000Z", 0, 7),
        ("2026-11-01T04:00:00.000000Z", 0, 7),
        ("2026-11-01T03:59:59.000000Z", 0, 0),  # still October there
        ("2026-12-01T05:00:00.000000Z", 0, 0),
    ],
)
def test_periods_are_the_organisations_days_and_months(at, day, month):
    spending = counted(request("a", at), closing("a", tokens_in=7))
    assert used(spending, budget(period=Period.DAY, tokens=1000)).tokens == day
    assert used(spending, budget(period=Period.MONTH, tokens=1000)).tokens == month


def test_a_call_over_midnight_counts_where_it_began_and_old_days_are_forgotten():
    spending = counted(
        request("a", "2026-12-01T04:59:00.000000Z"), request("b", "2026-12-01T05:01:00.000000Z"),
        closing("a", tokens_in=5), closing("b", tokens_in=2),
    )  # fmt: skip
    assert used(spending, day=date(2026, 11, 30)).tokens == 5
    assert used(spending, day=date(2026, 12, 1)).tokens == 2
    spending.take(request("c", "2026-12-09T12:00:00.000000Z"))
    assert used(spending, day=date(2026, 11, 30)).tokens == 0
    assert used(spending, day=date(2026, 12, 9)).tokens == 2


def test_a_call_without_a_count_is_charged_by_what_was_sealed_of_it():
    piece = orjson.dumps({"type": "segment", "id": "s", "at": NOON, "parent": "a", "ct_len": 300})
    assert used(counted(request("a"), piece, closing("a"))).tokens == 201 + 250
    # Whoever leaves does not leave the bill.
    gone = closing("a", "aborted", "client_disconnected")
    assert used(counted(request("a"), piece, gone)).tokens == 201 + 250
    assert used(counted(request("a"), gone)).tokens == 201 + 100
    # What a vendor never had, or refused, cost nothing.
    assert used(counted(request("a"), closing("a", "aborted", "vendor_unreachable"))).tokens == 0
    assert used(counted(request("a"), closing("a", decision="vendor_error", status=500))).tokens == 0
    assert used(counted(request("a"), closing("a", "aborted", "vendor_credential_unavailable", ct_len=29))).tokens == 0
    assert used(counted(request("a"), closing("a", "aborted", "vendor_answer_invalid", status=502))).tokens == 0
    # What broke off after pieces were answered did.
    assert used(counted(request("a"), piece, closing("a", "aborted", "vendor_timeout"))).tokens == 201 + 250


def test_packing_a_text_does_not_make_it_cheaper():
    asked, said = request("a", ct_len=60, len=2048), closing("a", ct_len=50, len=1024)
    assert used(counted(asked, said)).tokens == 1024 + 512
    # nothing was said: the empty text's own ciphertext, as before
    assert used(counted(asked, closing("a", "aborted", "vendor_unreachable", ct_len=29, len=0))).tokens == 0


@pytest.mark.parametrize(
    "decision",
    ["vendor_timeout", "vendor_answer_invalid", "vendor_answer_too_large", "answer_carries_data", "ledger_timeout", ""],
)
def test_no_ending_with_a_vendor_that_had_the_request_is_free(decision):
    assert used(counted(request("a"), closing("a", "aborted", decision, ct_len=0))).tokens == 201


def test_cost_is_reckoned_by_the_prices_on_record_or_not_at_all():
    spending = counted(request("a"), closing("a", tokens_in=1_000_000, tokens_out=100_000))
    found = used(spending, budget(cost=Decimal(7), currency="USD"))
    assert (found.cost, found.percent, found.refusal) == (Decimal("3.5"), 50, None)
    assert used(spending, budget(cost=Decimal("3.5"), currency="USD")).refusal is Reason.BUDGET_EXHAUSTED
    for held in (replace(HELD, prices={}), replace(HELD, prices={"p1": replace(PRICE, currency="EUR")})):
        assert used(spending, budget(cost=Decimal(7), currency="USD"), held=held).refusal is Reason.BUDGET_UNPRICED
    assert used(Spending(zone="Etc/UTC"), budget(cost=Decimal(7), currency="USD")).refusal is None


def test_the_nearer_limit_counts_and_nothing_is_a_limit_too():
    spending = counted(request("a"), closing("a", tokens_in=90, tokens_out=0))
    assert used(spending, budget(tokens=100, cost=Decimal(1000), currency="USD")).percent == 90
    assert used(Spending(zone="Etc/UTC"), budget(tokens=0)).refusal is Reason.BUDGET_EXHAUSTED
    assert used(spending, budget(tokens=91)).refusal is None
    assert used(spending, budget(tokens=90)).refusal is Reason.BUDGET_EXHAUSTED


def test_marks_are_told_once_a_period():
    held = held_with(budget(tokens=100))

    def marks(found, percent, day=TODAY):
        use = Use(tokens=percent, cost=None, percent=percent, is_unpriced=False)
        return due_marks(found, {"b1": use}, day)

    assert marks(held, 79) == ()
    (change,) = marks(held, 80)
    assert change.note == "used_80_percent"
    told = after(held, (change,))
    assert marks(told, 99) == ()
    (change,) = marks(told, 100)
    assert (change.note, marks(after(told, (change,)), 130)) == ("used_100_percent", ())
    (change,) = marks(after(told, (change,)), 85, date(2026, 12, 1))
    assert change.record.told_for == "2026-12"
    assert due_marks(held, {}, TODAY) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["k1", "k2", "k3"]), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 30)
        ),
        max_size=20,
    )
)
def test_counted_calls_come_to_what_the_account_of_usage_says(calls):
    leaves = []
    for number, (by, sent, answered, day) in enumerate(calls):
        leaves.append(request(f"r{number}", f"2026-11-{day:02}T12:00:00Z", by))
        leaves.append(closing(f"r{number}", tokens_in=sent, tokens_out=answered))
    account = Account(first=date(2026, 11, 1), last=date(2026, 11, 30), zone="America/New_York", prices=(PRICE,))
    for leaf in leaves:
        account.take(leaf)
    spending = counted(*leaves)
    wanted = budget(BudgetHolder.WORKSPACE, "default", tokens=10**9, cost=Decimal(10**6), currency="USD")
    found = used(spending, wanted)
    assert found.tokens == sum(each.tokens_in + each.tokens_out for each in account.sums.values())
    assert found.cost == sum((each.cost.get("USD", Decimal(0)) for each in account.sums.values()), Decimal(0))


STEPS = st.one_of(
    st.tuples(st.just("call"), st.sampled_from(["k1", "k2", "k3"]), st.integers(0, 10**6), st.integers(1, 30)),
    st.tuples(st.just("price"), st.sampled_from(["1", "2.5"]), st.sampled_from(["USD", "EUR"]), st.integers(1, 30)),
    st.tuples(st.just("key"), st.sampled_from(["k3", "k4"]), st.just("k1"), st.just(0)),
    st.tuples(st.just("budget"), st.sampled_from(list(Period)), st.sampled_from(["USD", "EUR", None]), st.just(0)),
)


@given(st.lists(STEPS, max_size=25))
def test_sums_that_are_kept_are_those_that_are_added_up_anew(steps):
    held, wanted, spending = HELD, budget(BudgetHolder.APPLICATION, "scheduler"), Spending(zone="America/New_York")
    leaves = []
    for number, (step, first, second, day) in enumerate(steps):
        match step:
            case "call":
                at = f"2026-11-{day:02}T12:00:00Z"
                new = [
                    request(f"r{number}", at, first),
                    closing(f"r{number}", tokens_in=second, tokens_out=second // 3),
                ]
                leaves += new
                for leaf in new:
                    spending.take(leaf)
            case "price":
                more = replace(
                    PRICE, id=f"p{number}", input_per_million=Decimal(first), currency=second,
                    from_day=date(2026, 11, day),
                )  # fmt: skip
                held = replace(held, prices={**held.prices, more.id: more})
            case "key":
                held = replace(held, keys={**held.keys, first: key(first, replaces=second, application="scheduler")})
            case "budget":
                limits = {"tokens": 10} if second is None else {"cost": Decimal(1), "currency": second}
                wanted = budget(BudgetHolder.APPLICATION, "scheduler", first, **limits)
        assert used(spending, wanted, held=held) == used(counted(*leaves), wanted, held=held)


class Watched(dict):
    """Counts how often all of it is gone through."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return super().__iter__()

    def items(self):
        self.passes += 1
        return super().items()

    def values(self):
        self.passes += 1
        return super().values()


def test_an_admission_goes_through_no_list():
    budgets = [
        budget(BudgetHolder.APPLICATION, "scheduler", cost=Decimal(10**6), currency="USD"),
        *(replace(budget(BudgetHolder.KEY, name), id=f"of-{name}") for name in HELD.keys),
    ]
    lists = [Watched(HELD.keys), Watched(HELD.prices), Watched({each.id: each for each in budgets})]
    held = replace(HELD, keys=lists[0], prices=lists[1], budgets=lists[2])
    index, spending = index_budgets(held), counted(request("r"), closing("r", tokens_in=2, tokens_out=1))
    spending.days = days = Watched(spending.days)
    lists.append(days)
    once = [spending.used(index, each, TODAY) for each in budgets]
    assert [each.tokens for each in once] == [3, 3, 0, 0]
    before = [each.passes for each in lists]
    assert all(before), "they are gone through once"
    for number in range(200):
        for each in index.applying(key="k1", person="", workspace="default"):
            assert spending.used(index, each, TODAY).tokens == 3 * (number + 1)
        spending.take(request(f"r{number}"))
        spending.take(closing(f"r{number}", tokens_in=2, tokens_out=1))
    assert [each.passes for each in lists] == before
    assert spending.days is days


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    return caught.value.code


@pytest.mark.parametrize(
    "wrong",
    [
        {"holder": "nobody"},
        {"tokens": None},
        {"tokens": -1},
        {"cost": Decimal(1)},
        {"currency": "USD"},
        {"cost": Decimal("NaN"), "currency": "USD"},
        {"cost": Decimal(-1), "currency": "USD"},
        {"cost": Decimal(1), "currency": "usd"},
        {"id": "not an id"},
    ],
)
def test_a_budget_that_means_nothing_is_not_set(wrong):
    assert refused(lambda: set_budget(HELD, ADMIN, budget=replace(budget(), **wrong))) in {"value_invalid", "not_found"}


def test_a_budget_is_set_replaced_and_removed_by_who_may_change_keys():
    first = after(HELD, set_budget(HELD, SECURITY, budget=budget()))
    assert first.budgets["b1"].set_by == "security"
    more = after(first, set_budget(first, ADMIN, budget=budget(tokens=5)))
    assert (more.budgets["b1"].tokens, more.budgets["b1"].set_by) == (5, "admin")
    elsewhere = budget(BudgetHolder.WORKSPACE, "default")
    assert refused(lambda: set_budget(first, ADMIN, budget=elsewhere)) == "value_invalid"
    assert after(more, remove_budget(more, ADMIN, budget="b1")).budgets == {}
    assert refused(lambda: remove_budget(HELD, ADMIN, budget="b1")) == "not_found"
    for by in (PRIVACY,):
        assert refused(lambda by=by: set_budget(HELD, by, budget=budget())) == "role_not_permitted"
        assert refused(lambda by=by: remove_budget(more, by, budget="b1")) == "role_not_permitted"
