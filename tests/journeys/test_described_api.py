"""The control API answers as it describes itself, whatever it is asked; and nobody without a credential gets in.

schemathesis draws requests from the API's own OpenAPI, good and bad ones, and holds every answer to it: no server
error, no status, media type or shape that is not declared. A served instance, behind its guard.
"""

import warnings
import zlib
from collections import Counter

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from tests.console.browser import served

from wardkeep.demo.instance import FIRST, SECOND, InstanceError
from wardkeep.web.control import PREFIX, ROUTES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# What would take long or change what the other cases meet: each has tests of its own.
APART = {"backup.make"}


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has an instance of its own: what is drawn changes it."""


@pytest.fixture(scope="module")
def instance():
    with served() as held:
        yield held


@pytest.fixture(scope="module")
def described(instance):
    document = instance.api(FIRST, "GET", "openapi.json")
    assert "default" not in str(
        [each["responses"].keys() for path in document["paths"].values() for each in path.values()]
    )
    return schemathesis.openapi.from_dict(document)


def operations(described):
    return [each.ok() for each in described.get_all_operations()]


def ask_around(instance, described, person, examples, mode, *, share=1):
    """Draw so many requests for each operation, send them as the person, and check every answer; count statuses.

    With `share` for one operation of so many, chosen by name.
    """
    seen: Counter[int] = Counter()
    line = requests.Session()
    line.headers["authorization"] = f"Bearer {instance.credential(person)}"
    for operation in operations(described):
        name = operation.definition.raw["operationId"]
        if name in APART or zlib.crc32(name.encode()) % share:
            continue
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters or operation.query):
            continue

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case):
            answer = case.call(base_url=instance.console, session=line, timeout=60)
            seen[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        each()
    return seen


def test_no_request_that_fits_the_description_is_answered_otherwise_than_described(instance, described):
    """A third of the operations, once each; the test below asks all, and asks more."""
    seen = ask_around(instance, described, FIRST, 1, GenerationMode.POSITIVE, share=3)
    assert sum(seen.values()) > len(ROUTES) // 5
    assert seen[200] > 5


@pytest.mark.slow
def test_five_thousand_requests_are_answered_as_described(instance, described):
    seen: Counter[int] = Counter()
    for person in (FIRST, SECOND):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            seen += ask_around(instance, described, person, 8, mode)
    assert sum(seen.values()) >= 5_000
    assert not [status for status in seen if status >= 500]


@pytest.mark.parametrize("age", [-1, 10**12, 2**62])
def test_an_age_that_no_time_has_is_refused_and_harms_nothing(instance, age):
    """Found by drawing: it was answered by a failure of ours."""
    body = {"key": "k", "model": "m", "second_factor_age_seconds": age, "reason": "x"}
    with pytest.raises(InstanceError, match=r"400 .*value_invalid"):
        instance.api(FIRST, "POST", "policy/explain", body)


WRONG = (
    {}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer "}, {"authorization": "bearer x"},
    {"authorization": "Basic Zmlyc3Q6"}, {"authorization": "Bearer null"}, {"authorization": "Bearer wk_user_"},
    {"authorization": "Bearer wk_user_000000000000_" + "0" * 38}, {"x-api-key": "CREDENTIAL"},
    {"cookie": "wardkeep-session=CREDENTIAL"}, {"authorization": "CREDENTIAL"}, {"authorization": "Token CREDENTIAL"},
    {"proxy-authorization": "Bearer CREDENTIAL"}, {"authorization": "Bearer CREDENTIALx"},
    {"authorization": "Bearer CREDENTIAL, Bearer CREDENTIAL"}, {"x-forwarded-user": FIRST},
    {"x-original-url": "/api/health"}, {"x-http-method-override": "GET"}, {"x-wardkeep-person": FIRST},
)  # fmt: skip


def test_no_route_is_entered_without_a_credential(instance):
    """Every route, and every spelling of one, is refused before anything of the request is looked at."""
    line = requests.Session()
    for route in ROUTES:
        path = PREFIX + route.path.replace("{}", "1")
        answer = line.request(route.method, instance.console + path, timeout=60, json={} if route.form else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "credential_missing"), path


@pytest.mark.parametrize("headers", WRONG, ids=range(len(WRONG)))
def test_what_looks_like_a_credential_opens_nothing(instance, headers):
    real = instance.credential(FIRST)
    sent = {name: value.replace("CREDENTIAL", real) for name, value in headers.items()}
    for method, path in (("GET", "people"), ("POST", "people"), ("GET", "ledger/head"), ("GET", "openapi.json")):
        body = {"id": "eve", "roles": ["nurse"], "reason": "x"} if method == "POST" else None
        answer = requests.request(method, instance.console + PREFIX + path, headers=sent, json=body, timeout=60)
        assert answer.status_code in {400, 401}, (method, path)
    assert "eve" not in [each["id"] for each in instance.api(FIRST, "GET", "people")["people"]]


@pytest.mark.parametrize(
    "path",
    [
        "/API/people", "/api//people", "//api/people", "/api/./people", "/api/people/", "/api/people/..;/people",
        "/api/%70eople", "/api/people%00", "/static/../api/people", "/sign-in/../api/people",
        "/scim/v2/../../api/people", "/api/people?credential=CREDENTIAL", "/api/people;CREDENTIAL",
        "/api/people#CREDENTIAL",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_gets_around_the_door(instance, path):
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    where = urlsplit(instance.console)
    line = HTTPConnection(where.hostname, where.port, timeout=60)
    line.putrequest("GET", path.replace("CREDENTIAL", instance.credential(FIRST)))
    line.endheaders()
    answer = line.getresponse()
    body = answer.read()
    line.close()
    assert answer.status in {303, 400, 401, 404}
    assert b'"people"' not in body


def test_a_method_that_is_not_described_does_nothing(instance):
    credential = {"authorization": f"Bearer {instance.credential(FIRST)}"}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"):
        answer = requests.request(method, instance.console + "/api/people", headers=credential, timeout=60)
        assert answer.status_code in {400, 404, 405, 501}, method
