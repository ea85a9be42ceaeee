"""SQL in every field that identifies: keys, credentials, names, codes, cookies, ids. Nothing opens or breaks."""

import http.client
from urllib.parse import urlsplit

import pytest
from tests.attacks.browserless import PENDING, SESSION

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE sessions; --",
    '" OR ""="',
    "1; ATTACH DATABASE 'x.db' AS x; --",
    "' UNION SELECT id, person FROM sessions --",
    "\\' OR 1=1 #",
    "admin'/*",
    "%27%20OR%201%3D1",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_field_of_the_pages_is_a_statement(console, text):
    visitor = console.visitor()
    assert visitor.ask("POST", "/sign-in", {"name": text, "password": text}).status == 403
    assert visitor.ask("POST", "/enrol", {"credential": text}).status in {403, 429}
    for cookie in (SESSION, PENDING):
        odd = console.visitor()
        sent = text.replace(";", "").replace(" ", "")
        assert odd.ask("GET", "/account", headers={"Cookie": f"{cookie}={sent}"}).header("location") == "/sign-in"


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_credential_is_a_statement(console, text):
    for address, path, header in (
        (console.instance.console, "/api/people", "Authorization"),
        (console.instance.data, "/v1/models", "Authorization"),
        (console.instance.data, "/v1/models", "x-api-key"),
    ):
        parts = urlsplit(address)
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        for value in (text, f"wk_live_{text}", f"wk_user_{text}"):
            line.request("GET", path, headers={header: f"Bearer {value}" if header == "Authorization" else value})
            answer = line.getresponse()
            answer.read()
            assert answer.status == 401
        line.close()


def test_a_session_outlives_all_that(console):
    name, credential = console.person()
    visitor = console.visitor()
    visitor.enrol(credential)
    for text in INJECTIONS:
        visitor.ask("POST", "/account/sessions/end", {"id": text})
        visitor.ask("POST", "/account/passkeys/remove", {"id": text})
        visitor.ask("POST", "/approvals", {"id": text, "decision": "approve", "reason": "x"})
    assert visitor.is_signed_in()
    assert name in visitor.ask("GET", "/account").body
