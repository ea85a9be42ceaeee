"""Who may ask, for what, about whom: each rule closes the road by itself, with its own reason, in a stable order."""

from dataclasses import replace
from datetime import date

import pytest

from wardkeep.model.access import DataClass, Workspace
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Organisation, Person, Purpose, Registry, Route, Surface
from wardkeep.model.stages import Call, Facts, Identified, Permitted
from wardkeep.policy.decide import VERSION, decide

KEY = ApiKey(
    id="k",
    mac=b"",
    name="n",
    owner="o",
    workspace="w",
    models=frozenset({"alias"}),
    purposes=frozenset({Purpose.TREAT, Purpose.HPAYMT}),
    default_purpose=Purpose.HPAYMT,
    expires_at=None,
)
CALL = Call(
    id=bytes(16),
    surface=Surface.OPENAI_CHAT,
    document=parse(b'{"model":"alias","messages":[]}'),
    credential=None,
    received=Instant(0, 0, "b"),
)
REGISTRY = Registry(
    epoch=1,
    organisation=Organisation(name="Clinic", tenant="t", zone="Etc/UTC", officers=()),
    workspaces={
        "w": Workspace(
            id="w",
            name="W",
            owner="o",
            members=frozenset(),
            purposes=frozenset(Purpose),
            models=None,
            data_classes=frozenset({DataClass.ORDINARY}),
            requires=frozenset(),
            is_active=True,
        )
    },
    routes={
        "alias": Route(model="alias", deployment="d1"),
        "strict": Route(model="strict", deployment="d1", requires_subject=True),
    },
)
FACTS = Facts(registry=REGISTRY, today=date(2026, 1, 1), now=CALL.received, policy_version=VERSION)


def asked(call: Call = CALL, key: ApiKey = KEY, facts: Facts = FACTS) -> Permitted | Refused:
    owner = Person(id="o", roles=frozenset(), is_active=True)
    return decide(Identified(call=call, key=key, owner=owner), facts)


def model(name: bytes) -> Call:
    return replace(CALL, document=parse(b'{"model":' + name + b"}"))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (asked(facts=replace(FACTS, registry=replace(REGISTRY, organisation=None))), Reason.FACTS_UNAVAILABLE),
        (asked(facts=replace(FACTS, training_overdue=frozenset({"o"}))), Reason.TRAINING_OVERDUE),
        (asked(facts=replace(FACTS, policies_unsigned=frozenset({"o"}))), Reason.POLICY_UNSIGNED),
        (asked(key=replace(KEY, default_purpose=None)), Reason.PURPOSE_MISSING),
        (asked(replace(CALL, purpose="treat")), Reason.PURPOSE_UNKNOWN),
        (asked(replace(CALL, purpose="")), Reason.PURPOSE_UNKNOWN),
        (asked(replace(CALL, purpose="BTG")), Reason.PURPOSE_UNKNOWN),
        (asked(replace(CALL, purpose="HRESCH")), Reason.PURPOSE_NOT_PERMITTED),
        (asked(key=replace(KEY, default_purpose=Purpose.HRESCH)), Reason.PURPOSE_NOT_PERMITTED),
        (asked(key=replace(KEY, purposes=frozenset())), Reason.PURPOSE_NOT_PERMITTED),
        (asked(replace(CALL, document=parse(b"{}"))), Reason.FIELD_MISSING),
        (asked(model(b"null")), Reason.FIELD_MISSING),
        (asked(model(b"7")), Reason.FIELD_MISSING),
        (asked(model(b'["alias"]')), Reason.FIELD_MISSING),
        (asked(model(b'"nothing"')), Reason.MODEL_UNKNOWN),
        (asked(model(b'"ALIAS"')), Reason.MODEL_UNKNOWN),
        (asked(model(b'"strict"')), Reason.ROUTE_NOT_PERMITTED),
        (asked(key=replace(KEY, models=frozenset())), Reason.ROUTE_NOT_PERMITTED),
        (asked(model(b'"strict"'), key=replace(KEY, models=frozenset({"strict"}))), Reason.SUBJECT_MISSING),
    ],
)
def test_each_rule_has_its_reason(result: Permitted | Refused, reason: Reason) -> None:
    assert isinstance(result, Refused)
    assert result.reason is reason


def test_a_permission_carries_what_was_decided() -> None:
    permitted = asked(replace(CALL, purpose="TREAT", subject="handle-1"))
    assert isinstance(permitted, Permitted)
    assert (permitted.purpose, permitted.subject, permitted.route) == (
        Purpose.TREAT,
        "handle-1",
        REGISTRY.routes["alias"],
    )


@pytest.mark.parametrize("subject", ["unknown", "multiple"])
def test_an_unresolved_subject_is_a_statement_and_stays_unresolved(subject: str) -> None:
    key = replace(KEY, models=frozenset({"strict"}))
    permitted = asked(replace(model(b'"strict"'), subject=subject), key=key)
    assert isinstance(permitted, Permitted)
    assert permitted.subject is None


@pytest.mark.parametrize("purpose", list(Purpose))
def test_dates_and_ages_pass_unchanged_for_treatment_only(purpose: Purpose) -> None:
    permitted = asked(replace(CALL, purpose=purpose.value), key=replace(KEY, purposes=frozenset(Purpose)))
    assert isinstance(permitted, Permitted)
    kept = {"DATE", "AGE", "DEMOGRAPHIC"} if purpose in {Purpose.TREAT, Purpose.ETREAT} else set()
    assert permitted.keeps == kept


def test_another_persons_overdue_training_does_not_matter() -> None:
    assert isinstance(asked(facts=replace(FACTS, training_overdue=frozenset({"p"}))), Permitted)
