import secrets

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    OPERATOR,
    PRIVACY,
    after,
    agreement,
    deployment,
    registry,
    working_registry,
)

from wardkeep.compliance import deployments
from wardkeep.compliance.errors import NotAllowed, RecordUnreadable
from wardkeep.crypto.errors import RecordTampered
from wardkeep.crypto.keys import DataKeys
from wardkeep.model.registry import AgreementKind, AgreementStatus, Route
from wardkeep.model.sensitive import Secret


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    return caught.value.code


def keys():
    key = secrets.token_bytes(32)
    return DataKeys(
        tenant="t",
        epoch_id="e1",
        epochs={"e1": key},
        surrogate_key=key,
        api_key_key=key,
        blind_index_key=key,
        conversation_key=key,
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.example/v1",
        "https://api.vendor.example:8443/v1/",
        "https://10.0.0.7/v1",
        "https://[fd12:3456::1]:8000",
        "http://127.0.0.1:11434/v1",
        "http://[::1]:8000/v1",
        "http://localhost:8000",
    ],
)
def test_an_ordinary_address_is_taken(url):
    deployments.check_base_url(url, may_be_plain=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.vendor.example/v1",
        "ftp://api.vendor.example",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://user@api.vendor.example",
        "https://user:pw@api.vendor.example",
        "https://api.vendor.example@evil.example",
        "https://api.vendor.example/v1?key=1",
        "https://api.vendor.example/v1#x",
        "https://api.vendor.example/v1?",
        "https://api.vendor.example/../admin",
        "https://api.vendor.example/%2e%2e/admin",
        "https://api.vendor.example\\@evil.example",
        "https://api.vendor.example /v1",
        "https://api.vendor.example/v1\n",
        "https://api.véndor.example/v1",
        "https://api.vendor.example:0/v1",
        "https://api.vendor.example:99999/v1",
        "https://2852039166/latest",
        "https://0xa9fea9fe/latest",
        "https://169.254.43518/latest",
        "https://0251.0376.0251.0376/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://224.0.0.1/",
        "https://240.0.0.1/",
        "https://-bad.example/",
        "https://bad..example/",
    ],
)
def test_an_ambiguous_address_is_refused_even_inside_the_boundary(url):
    assert refused(lambda: deployments.check_base_url(url, may_be_plain=True)) == "value_invalid"


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254",
        "https://169.254.1.1",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/",
        "https://168.63.129.16/",
        "https://metadata.google.internal/computeMetadata/v1",
        "https://METADATA.google.internal/",
    ],
)
def test_a_metadata_service_is_never_an_upstream(url):
    assert refused(lambda: deployments.check_base_url(url, may_be_plain=True)) == "metadata_address"


def test_plain_http_needs_the_flag_and_an_own_boundary_statement():
    plain = deployment(base_url="http://10.0.0.7:8000/v1", allow_plain_http=True)
    statement = agreement(kind=AgreementKind.OWN_BOUNDARY)
    inside = registry(agreements={"baa-1": statement})
    assert deployments.add_deployment(inside, OPERATOR, deployment=plain)
    assert refused(lambda: deployments.add_deployment(registry(), OPERATOR, deployment=plain)) == "plain_http"
    with_baa = registry(agreements={"baa-1": agreement(status=AgreementStatus.ACTIVE)})
    assert refused(lambda: deployments.add_deployment(with_baa, OPERATOR, deployment=plain)) == "plain_http"
    unflagged = deployment(base_url="http://10.0.0.7:8000/v1")
    assert refused(lambda: deployments.add_deployment(inside, OPERATOR, deployment=unflagged)) == "plain_http"


@pytest.mark.parametrize(
    "changes",
    [{"id": "A b"}, {"dialect": "gemini"}, {"platform": ""}, {"project": "a b"}, {"model": ""}, {"region": "a b"}],
)
def test_a_deployment_with_an_unreadable_field_is_refused(changes):
    assert (
        refused(lambda: deployments.add_deployment(registry(), OPERATOR, deployment=deployment(**changes)))
        == "value_invalid"
    )


def test_a_deployment_needs_permission_vendor_and_a_new_name():
    assert (
        refused(lambda: deployments.add_deployment(registry(), PRIVACY, deployment=deployment()))
        == "role_not_permitted"
    )
    held = registry(vendors={})
    assert refused(lambda: deployments.add_deployment(held, OPERATOR, deployment=deployment())) == "not_found"
    assert (
        refused(lambda: deployments.add_deployment(working_registry(), ADMIN, deployment=deployment()))
        == "already_exists"
    )


def test_a_credential_is_sealed_for_its_deployment_alone():
    held = keys()
    body = deployments.seal_credential(held, tenant="t", deployment="openai-us", credential=Secret("sk-canary\n"))
    assert b"canary" not in body
    identifier = deployments.credential_id("openai-us")
    assert deployments.open_credential(held, tenant="t", identifier=identifier, body=body).reveal() == "sk-canary"
    with pytest.raises(RecordTampered):
        deployments.open_credential(held, tenant="t", identifier=deployments.credential_id("other"), body=body)
    with pytest.raises(RecordTampered):
        deployments.open_credential(held, tenant="u", identifier=identifier, body=body)
    with pytest.raises(RecordUnreadable):
        deployments.open_credential(held, tenant="t", identifier=identifier, body=b"{}")


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "né", "a\x00b"])
def test_a_credential_that_could_break_a_header_is_refused(text):
    assert (
        refused(lambda: deployments.seal_credential(keys(), tenant="t", deployment="d", credential=Secret(text)))
        == "value_invalid"
    )


def test_a_deployment_names_its_credential_and_the_record_never_holds_it():
    changes = deployments.add_deployment(registry(), OPERATOR, deployment=deployment(), sealed_credential=b"sealed")
    held = after(registry(), changes)
    assert held.deployments["openai-us"].credential in held.secrets
    held = after(held, deployments.replace_credential(held, OPERATOR, deployment="openai-us", sealed_credential=b"new"))
    assert held.secrets == {"vendor-credential.openai-us": b"new"}
    assert (
        refused(lambda: deployments.replace_credential(held, OPERATOR, deployment="nope", sealed_credential=b"x"))
        == "not_found"
    )


def test_a_deployment_cannot_borrow_a_credential_that_is_not_there():
    assert (
        refused(lambda: deployments.add_deployment(registry(), OPERATOR, deployment=deployment(credential="elsewhere")))
        == "not_found"
    )


def test_routes_are_added_once_to_what_exists_and_removed():
    held = working_registry()
    route = Route(model="fast", deployment="openai-us")
    held = after(held, deployments.add_route(held, OPERATOR, route=route))
    assert held.routes["fast"] == route
    assert refused(lambda: deployments.add_route(held, OPERATOR, route=route)) == "already_exists"
    lost = Route(model="x", deployment="nope")
    assert refused(lambda: deployments.add_route(held, OPERATOR, route=lost)) == "not_found"
    for fallbacks, code in ((("nope",), "not_found"), (("openai-us",), "value_invalid")):
        doubtful = Route(model="x", deployment="openai-us", fallbacks=fallbacks)
        assert refused(lambda doubtful=doubtful: deployments.add_route(held, OPERATOR, route=doubtful)) == code
    spaced = Route(model="a b", deployment="openai-us")
    assert refused(lambda: deployments.add_route(held, OPERATOR, route=spaced)) == "value_invalid"
    held = after(held, deployments.remove_route(held, OPERATOR, model="fast"))
    assert "fast" not in held.routes
    assert refused(lambda: deployments.remove_route(held, OPERATOR, model="fast")) == "not_found"
