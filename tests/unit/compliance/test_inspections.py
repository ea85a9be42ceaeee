"""Who may have vendors asked, what closes, and what an officer can and cannot open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.compliance.organisation import AUDITOR, OPERATOR, PRIVACY, SECURITY, deployment, registry

from wardkeep.compliance.deployments import inspection_credential_id, is_for_inspection
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.geography import load_geography
from wardkeep.compliance.inspections import check_view, confirm_check, inspection_view, record_check, set_inspection
from wardkeep.compliance.records import apply
from wardkeep.model.inspection import KEPT, OFF, ON, ZERO, Aspect, Inspection, RouteCheck, Said
from wardkeep.model.registry import Deployment, Registry, Role, Route
from wardkeep.routing.choose import unproven_of

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
D = "openai-us"
HELD = registry(deployments={D: deployment()})


def said(aspect: Aspect, means: str | None, words: str = "told") -> Said:
    return Said(aspect=aspect, means=means, words=words)


def checked(held: Registry, *told: Said, hours: int = 0) -> Registry:
    changes = record_check(
        held, deployment=D, said=told, geography=load_geography(), by="host", at=AT + timedelta(hours=hours), asked="h"
    )
    return apply(held, changes, epoch=held.epoch + 1)


def confirmed(held: Registry, *accept: str, by: Any = PRIVACY) -> Registry:
    changes = confirm_check(held, by, deployment=D, accept=frozenset(accept), at=AT)
    assert [each.note for each in changes] == ["drift_confirmed"]
    return apply(held, changes, epoch=held.epoch + 1)


def of(held: Registry) -> RouteCheck:
    return held.route_checks[D]


GOOD, BAD = said(Aspect.RETENTION, ZERO), said(Aspect.RETENTION, KEPT)


def test_agreement_is_dated_and_silence_afterwards_leaves_the_date_and_is_no_pass():
    held = checked(HELD, GOOD)
    assert of(held).agreed_at == AT
    held = checked(held, said(Aspect.RETENTION, None), hours=1)
    assert (of(held).verdict.value, of(held).agreed_at, of(held).is_closed) == ("inconclusive", AT, False)
    assert of(checked(HELD)).verdict.value == "inconclusive", "nothing told is nothing learned"


def test_drift_stays_closed_from_its_first_finding_through_silence_and_agreement():
    held = checked(checked(HELD, GOOD), BAD, hours=1)
    assert of(held).drifted_at == AT + timedelta(hours=1)
    for told in (said(Aspect.RETENTION, None), GOOD, BAD):
        held = checked(held, told, hours=2)
        assert of(held).drifted_at == AT + timedelta(hours=1)


@pytest.mark.parametrize("told", [(BAD,), (said(Aspect.RETENTION, None),), (), (said(Aspect.LOGGING, OFF),)])
def test_what_drifted_must_be_told_rightly_before_an_officer_opens_it(told):
    held = checked(checked(HELD, BAD), *told)
    with pytest.raises(NotAllowed) as refused:
        confirmed(held)
    assert refused.value.code == "drift_stands"
    opened = confirmed(checked(held, GOOD))
    assert (of(opened).is_closed, of(opened).confirmed_by, of(opened).drifted) == (False, "privacy", frozenset())


def test_what_was_never_told_does_not_keep_a_mended_deployment_closed():
    held = checked(checked(HELD, BAD), GOOD, said(Aspect.LOGGING, None))
    assert not of(confirmed(held)).is_closed


def test_a_log_of_the_organisations_own_is_accepted_word_for_word_and_a_region_never():
    log, region = said(Aspect.LOGGING, ON, "to bucket a"), said(Aspect.REGION, "eu", "eu")
    held = checked(HELD, log)
    accept = "content_logging=to bucket a"
    opened = confirmed(held, accept)
    assert of(checked(opened, log)).verdict.value == "agrees"
    assert of(checked(opened, said(Aspect.LOGGING, ON, "to bucket b"))).is_closed
    with pytest.raises(NotAllowed, match="accepted finding"):
        confirmed(checked(HELD, region), "region=eu")
    with pytest.raises(NotAllowed, match="accepted finding"):
        confirmed(held, "content_logging=to bucket b")
    with pytest.raises(NotAllowed) as refused:
        confirmed(checked(HELD, log, region), accept)
    assert refused.value.code == "drift_stands"


def test_only_who_may_open_agreements_confirms_and_only_what_is_closed():
    held = checked(checked(HELD, BAD), GOOD)
    for person in (OPERATOR, AUDITOR):
        with pytest.raises(NotAllowed):
            confirmed(held, by=person)
    with pytest.raises(NotAllowed) as refused:
        confirmed(confirmed(held, by=SECURITY))
    assert refused.value.code == "nothing_to_confirm"
    with pytest.raises(NotAllowed):
        confirm_check(held, PRIVACY, deployment="other", accept=frozenset(), at=AT)


def test_views_name_the_source_and_no_credential():
    shown = check_view(of(checked(HELD, BAD)))
    assert (shown["source"], shown["closed"], shown["verdict"]) == ("vendor-reported", True, "drift")
    record = Inspection(id=D, credential=inspection_credential_id(D))
    assert inspection_view(record)["has_credential"] is True
    assert "credential" not in inspection_view(record)


def planned(held: Registry, *, sealed: bytes | None = None, by: Any = OPERATOR, **changes: Any) -> tuple[Any, ...]:
    record = Inspection(id=changes.pop("id", D), **changes)
    return set_inspection(held, by, inspection=record, sealed_credential=sealed)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "other"},
        {"by": AUDITOR},
        {"account": {"password": "x"}},
        {"account": {"project": "../../admin"}},
        {"account": {"project": "proj-2"}},
        {"account": {"workspace": "another"}},
        {"account": {"resource": "another"}},
        {"base_url": "http://admin.vendor.example"},
        {"base_url": "https://169.254.169.254/x"},
        {"base_url": "https://user@vendor.example"},
        {"token_url": "https://login.vendor.example/token"},
        {"base_url": "https://elsewhere.example"},
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_and_so_is_lending_the_calls_key_to_another_host(changes):
    with pytest.raises(NotAllowed):
        planned(HELD, **changes)


def test_a_key_for_asking_is_a_secret_of_its_own_that_stays_when_it_is_not_given_again():
    record, secret = planned(HELD, sealed=b"sealed", base_url="https://admin.{region}.vendor.example")
    assert is_for_inspection(secret.id)
    assert record.record.credential == secret.id
    held = apply(HELD, (record, secret), epoch=2)
    (again,) = planned(held, base_url="https://admin.{region}.vendor.example/v2", account={"project": "proj-1"})
    assert again.record.credential == secret.id
    (own,) = planned(HELD, base_url="https://us.api.openai.com/v1")
    assert own.record.credential is None


ADDRESSES = {"base_url": "https://admin.vendor.example", "token_url": "https://login.vendor.example/token"}


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://evil.example"},
        {"base_url": "https://admin.vendor.example:8443"},
        {"base_url": "https://{region}.admin.vendor.example"},
        {"base_url": "http://localhost"},
        {"token_url": "https://evil.example/token"},
        {"base_url": None},
        {"token_url": None},
    ],
)
def test_a_key_for_asking_goes_to_no_other_host_than_the_one_it_was_given_for(changes):
    held = apply(HELD, planned(HELD, sealed=b"sealed", **ADDRESSES), epoch=2)
    with pytest.raises(NotAllowed) as refused:
        planned(held, **{**ADDRESSES, **changes})
    assert refused.value.code == "inspection_credential_missing"
    assert len(planned(held, sealed=b"new", **{**ADDRESSES, **changes})) == 2, "who has the key gives it again"
    assert len(planned(held, **ADDRESSES, account={"project": "proj-1"})) == 1


def test_a_key_for_asking_that_was_given_without_an_address_stays_at_the_vendors_usual_one():
    held = apply(HELD, planned(HELD, sealed=b"sealed"), epoch=2)
    for changes in ADDRESSES.items():
        with pytest.raises(NotAllowed, match="another host"):
            planned(held, **dict([changes]))
    assert len(planned(held)) == 1


def is_closed(held: Registry, place: Deployment) -> bool:
    return unproven_of(held, Route(model="m", deployment=place.id), place) is not None


def twice(**changes: Any) -> Registry:
    return registry(deployments={D: deployment(), "again": deployment(id="again", **changes)})


def checked_again(held: Registry, *told: Said, hours: int) -> Registry:
    at = AT + timedelta(hours=hours)
    changes = record_check(held, deployment="again", said=told, geography=load_geography(), by="h", at=at, asked="h")
    return apply(held, changes, epoch=held.epoch + 1)


def test_the_same_account_under_another_id_stays_closed_until_its_own_check_is_right_and_confirmed():
    held = checked(twice(), BAD)
    again = held.deployments["again"]
    assert is_closed(held, again)
    for other in ({"vendor": "v"}, {"platform": "p"}, {"project": "p"}, {"model": "m"}):
        assert not is_closed(held, deployment(id="again", **other))

    def confirm(registry: Registry) -> Registry:
        changes = confirm_check(registry, PRIVACY, deployment="again", accept=frozenset(), at=AT + timedelta(hours=9))
        return apply(registry, changes, epoch=registry.epoch + 1)

    for unproven in (
        held,
        checked_again(held, GOOD, hours=-1),
        checked_again(held, said(Aspect.RETENTION, None), hours=1),
        checked_again(held, said(Aspect.LOGGING, OFF), hours=1),
    ):
        with pytest.raises(NotAllowed) as refused:
            confirm(unproven)
        assert refused.value.code == "drift_stands"
    right = checked_again(held, GOOD, hours=1)
    assert is_closed(right, again), "agreement alone opens nothing"
    opened = confirm(right)
    assert not is_closed(opened, again)
    assert is_closed(opened, deployment()), "the first record stays as it was"
    assert is_closed(checked(confirmed(checked(opened, GOOD)), BAD, hours=10), again), "and drifts again for both"


def test_an_officer_opens_only_when_established_and_not_what_was_asked_as_they_said():
    held = checked(checked(HELD, BAD), GOOD)
    with pytest.raises(NotAllowed) as refused:
        confirmed(held, by=replace(PRIVACY, enrolled_by="admin"))
    assert refused.value.code == "confirmation_required"
    both = replace(SECURITY, roles=SECURITY.roles | {Role.OPERATOR})
    asked = apply(held, planned(held, sealed=b"s", by=both, account={"project": "proj-1"}), epoch=9)
    with pytest.raises(NotAllowed) as refused:
        confirmed(asked, by=both)
    assert refused.value.code == "second_person_required"
    assert not of(confirmed(asked, by=PRIVACY)).is_closed


def test_the_resource_that_is_asked_about_is_the_one_that_answers_calls():
    place = deployment(base_url="https://clinic.openai.azure.com/openai/v1")
    held = registry(deployments={D: place})
    assert planned(held, account={"resource": "clinic"})
    with pytest.raises(NotAllowed, match="resource"):
        planned(held, account={"resource": "proj-1"})
