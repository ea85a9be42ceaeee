"""A provider's answer that is forged, foreign, old, replayed or caught elsewhere signs nobody in to the console.

The token endpoint is ours, on a socket, and signs whatever it is told to; everything else is a served instance.
"""

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.attacks.browserless import SESSION
from tests.console.browser import code

from wardkeep.demo.instance import FIRST, SECOND

AWAY = "wardkeep-provider"
KEY = RSAKey.generate_key(2048, parameters={"kid": "k1"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "k1"})


@dataclass
class Forger:
    """A provider that can be made to say anything."""

    issuer: str = ""
    status: int = 200
    answer: bytes = b""
    asked: list = field(default_factory=list)

    def gives(self, claims, *, key=KEY, header=None, token=None):
        text = token if token is not None else jwt.encode({"alg": "RS256", "kid": "k1", **(header or {})}, claims, key)
        self.status, self.answer = 200, json.dumps({"id_token": text, "access_token": "x"}).encode()


@pytest.fixture(scope="module")
def forger(console):
    held = Forger()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            held.asked.append((dict(parse_qsl(body.decode())), self.headers.get("authorization")))
            self.send_response(held.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(held.answer)))
            self.end_headers()
            self.wfile.write(held.answer)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.issuer = f"http://localhost:{server.server_address[1]}"
    keys = {"keys": [KEY.as_dict(private=False)]}
    api = console.instance.api
    record = {"id": "idp", "issuer": held.issuer, "audiences": ["console"], "jwks": keys, "reason": "signed"}
    api(FIRST, "POST", "providers", record)
    terms = {
        "client_id": "console", "label": "the clinic", "authorization_endpoint": held.issuer + "/auth",
        "token_endpoint": held.issuer + "/token", "end_session_endpoint": held.issuer + "/end",
        "client_secret": "a/b c", "reason": "signed",
    }  # fmt: skip
    api(FIRST, "POST", "providers/idp/sign-in", terms)
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def person(console, forger):
    """Somebody new who is linked, and their subject."""
    name, credential = console.person("auditor")
    console.instance.api(FIRST, "POST", f"people/{name}/link", {"provider": "idp", "subject": name, "reason": "theirs"})
    return name, credential


def begun(visitor, path="/sign-in/with/idp"):
    """Be sent away; return what the provider was asked."""
    sent = visitor.ask("GET", path)
    assert sent.status == 303
    return {name: value[0] for name, value in parse_qs(urlsplit(sent.header("location")).query).items()}


def claims_for(forger, asked, subject, **changed):
    now = int(time.time())
    good = {
        "iss": forger.issuer, "sub": subject, "aud": "console", "iat": now, "exp": now + 300, "auth_time": now - 5,
        "amr": ["pwd", "mfa"], "nonce": asked["nonce"],
    }  # fmt: skip
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def back(visitor, asked, **more):
    return visitor.ask("GET", "/sign-in/return/idp?" + urlencode({"code": "c-1", "state": asked["state"], **more}))


def is_refused(answer, why="provider_sign_in_invalid"):
    assert (answer.status >= 400, why in answer.body) == (True, True), answer.body
    return True


def test_a_good_answer_signs_in_whoever_is_linked_with_the_age_of_their_second_factor(console, forger, person):
    visitor = console.visitor()
    asked = begun(visitor)
    assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == ("code", "openid", "S256")
    now = int(time.time())
    # what a token says of roles, groups and names gives nothing
    roles = {"roles": ["security_officer"], "groups": ["administrator"], "preferred_username": FIRST, "email": FIRST}
    forger.gives(claims_for(forger, asked, person[0], auth_time=now - 3000, **roles))
    answer = back(visitor, asked, iss=forger.issuer)
    assert (answer.status, answer.header("location")) == (303, "/sign-in/done")
    form, basic = forger.asked[-1]
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
    assert challenge == asked["code_challenge"]
    assert base64.b64decode(basic.split()[1]).decode() == "console:a%2Fb%20c"
    page = visitor.ask("GET", "/account")
    assert f"<strong>{person[0]}</strong>: auditor." in page.body
    assert "oidc:idp" in page.body
    # the second factor was shown 50 minutes ago there: what is dangerous asks for a fresh one
    assert "confirm with your second factor" in page.body
    entry = next(each for each in reversed(console.entries("session")) if each["actor"] == f"person:{person[0]}")
    assert (entry["detail"]["action"], entry["detail"]["method"]) == ("sign-in", "oidc:idp")
    # the address that the browser came back to serves once, and here only
    assert is_refused(back(visitor, asked))
    out = visitor.ask("POST", "/sign-out")
    assert out.header("location") == "/sign-in?left=idp"
    assert forger.issuer + "/end?client_id=console" in visitor.ask("GET", "/sign-in?left=idp").body
    assert not visitor.is_signed_in()


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"}, {"nonce": None}, {"nonce": ["x"]}, {"aud": "portal"}, {"aud": ["console", "portal"]},
        {"azp": "portal"}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None}, {"exp": 1}, {"exp": None},
        {"iat": 1}, {"iat": 10**11}, {"nbf": 10**11}, {"sub": None}, {"sub": ""}, {"sub": ["x"]}, {"auth_time": None},
        {"auth_time": 1}, {"auth_time": 10**11}, {"auth_time": "now"},
    ],
    ids=lambda changed: "-".join(f"{name}-{value}"[:30] for name, value in changed.items()),
)  # fmt: skip
def test_a_token_with_a_wrong_claim_signs_nobody_in(console, forger, person, changed):
    visitor = console.visitor()
    asked = begun(visitor)
    forger.gives(claims_for(forger, asked, person[0], **changed))
    assert is_refused(back(visitor, asked))
    assert SESSION not in visitor.cookies
    assert not visitor.is_signed_in()


def raw(header, claims, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)


def test_a_token_that_no_key_on_record_signed_signs_nobody_in(console, forger, person):
    public = KEY.as_pem(private=False)
    for number in range(7):
        visitor = console.visitor()
        asked = begun(visitor)
        claims = claims_for(forger, asked, person[0])
        forged = (
            jwt.encode({"alg": "RS256", "kid": "k1"}, claims, OTHER),
            raw({"alg": "none"}, claims),
            raw({"alg": "None", "kid": "k1"}, claims),
            jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(b"x" * 64), algorithms=["HS256"]),
            raw({"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, claims, b"x" * 256),
            jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEY) + "x" * 9000,
            jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, KEY),
        )
        assert public
        forger.gives(None, token=forged[number])
        assert is_refused(back(visitor, asked)), number
        assert not visitor.is_signed_in()


def test_an_answer_that_is_not_to_this_browser_s_question_signs_nobody_in(console, forger, person):
    visitor, other = console.visitor(), console.visitor()
    asked, foreign = begun(visitor), begun(other)
    forger.gives(claims_for(forger, asked, person[0]))
    exchanged = len(forger.asked)
    # somebody else's state, none, another issuer (RFC 9207), another provider's address, an error, no code
    for wrong in ({"state": foreign["state"]}, {"state": ""}, {"iss": "https://evil.example"}, {"error": "denied"},
                  {"code": ""}, {"code": "x" * 4200}):  # fmt: skip
        assert is_refused(back(visitor, asked, **wrong))
    path = f"/sign-in/return/another?code=c&state={asked['state']}"
    assert is_refused(visitor.ask("GET", path))
    # a state that came here without the cookie of the browser that began
    assert is_refused(back(console.visitor(), asked))
    thief = console.visitor()
    thief.cookies[SESSION] = visitor.cookies[AWAY]
    assert not thief.is_signed_in()
    thief.cookies = {"wardkeep-pending": visitor.cookies[AWAY]}
    assert thief.ask("POST", "/sign-in/code", {"code": "000000"}).header("location") == "/sign-in"
    assert len(forger.asked) == exchanged
    # none of this has spent the ceremony: it still ends where it should
    assert back(visitor, asked).status == 303
    assert visitor.is_signed_in()


def test_who_is_linked_to_nobody_or_to_somebody_who_left_stays_outside(console, forger, person):
    for subject in ("stranger", FIRST, f"idp:{person[0]}"):
        visitor = console.visitor()
        asked = begun(visitor)
        forger.gives(claims_for(forger, asked, subject))
        assert is_refused(back(visitor, asked), "provider_person_unknown")
        assert not visitor.is_signed_in()
    visitor = console.visitor()
    asked = begun(visitor)
    forger.gives(claims_for(forger, asked, person[0]))
    console.instance.api(FIRST, "POST", f"people/{person[0]}/disable", {"reason": "left"})
    assert is_refused(back(visitor, asked), "provider_person_unknown")
    codes = [each["decision"] for each in console.entries("refusal") if each["actor"] == "provider:idp"]
    assert codes.count("provider_person_unknown") >= 4


def test_a_password_alone_at_the_provider_opens_nothing(console, forger, person):
    name, credential = person
    visitor = console.visitor()
    asked = begun(visitor)
    forger.gives(claims_for(forger, asked, name, amr=["pwd"]))
    assert is_refused(back(visitor, asked), "provider_second_factor_missing")
    # with an authenticator enrolled here, its code is asked for in addition
    enrolled = console.visitor()
    secret = enrolled.enrol(credential)
    visitor = console.visitor()
    asked = begun(visitor)
    forger.gives(claims_for(forger, asked, name, amr=None))
    assert back(visitor, asked).header("location") == "/sign-in/done?next=/sign-in/code"
    assert not visitor.is_signed_in()
    assert visitor.ask("POST", "/sign-in/code", {"code": "000000"}).status == 403
    assert visitor.ask("POST", "/sign-in/code", {"code": code(secret)}).header("location") == "/account"
    assert "oidc:idp+totp" in visitor.ask("GET", "/account").body


def test_step_up_takes_a_second_factor_shown_since_by_the_same_person(console, forger, person):
    visitor = console.visitor()
    asked = begun(visitor)
    now = int(time.time())
    forger.gives(claims_for(forger, asked, person[0], auth_time=now - 3000))
    assert back(visitor, asked).status == 303
    first = visitor.cookies[SESSION]

    def again(subject, **changed):
        wanted = begun(visitor, "/step-up/with/idp?next=/approvals")
        assert (wanted["prompt"], wanted["max_age"]) == ("login", "0")
        forger.gives(claims_for(forger, wanted, subject, **{"auth_time": int(time.time()), **changed}))
        return back(visitor, wanted)

    assert is_refused(again(person[0], auth_time=now - 3000))
    assert is_refused(again(person[0], amr=["pwd"]), "provider_second_factor_missing")
    other, _ = console.person("auditor")
    console.instance.api(SECOND, "POST", f"people/{other}/link", {"provider": "idp", "subject": other, "reason": "x"})
    assert is_refused(again(other))
    assert visitor.cookies[SESSION] == first
    assert again(person[0]).header("location") == "/sign-in/done?next=/approvals"
    assert visitor.cookies[SESSION] != first
    assert "confirm with your second factor" not in visitor.ask("GET", "/account").body
    thief = console.visitor()
    thief.cookies[SESSION] = first
    assert not thief.is_signed_in()


def test_a_provider_that_is_down_or_babbles_is_told_and_passwords_remain(console, forger, person):
    enrolled = console.visitor()
    enrolled.enrol(person[1])
    for status, answer, why in (
        (503, b"{}", "provider_unreachable"), (200, b"no json", "provider_sign_in_invalid"),
        (400, b'{"error":"invalid_grant"}', "provider_sign_in_invalid"), (200, b"{}", "provider_sign_in_invalid"),
        (200, b"x" * 70_000, "provider_unreachable"),
    ):  # fmt: skip
        visitor = console.visitor()
        asked = begun(visitor)
        forger.status, forger.answer = status, answer
        assert is_refused(back(visitor, asked), why)
        assert not visitor.is_signed_in()
    assert console.visitor().first_factor(person[0]).header("location") == "/sign-in/code"


def test_sessions_end_with_the_link_and_with_the_provider(console, forger, person):
    api = console.instance.api
    visitors = [console.visitor(), console.visitor()]
    other, _ = console.person("auditor")
    api(FIRST, "POST", f"people/{other}/link", {"provider": "idp", "subject": other, "reason": "theirs"})
    for visitor, who in zip(visitors, (person[0], other), strict=True):
        asked = begun(visitor)
        forger.gives(claims_for(forger, asked, who))
        assert back(visitor, asked).status == 303
        assert visitor.is_signed_in()
    api(FIRST, "POST", f"people/{person[0]}/unlink", {"provider": "idp", "reason": "moved"})
    assert [each.is_signed_in() for each in visitors] == [False, True]
    listed = api(FIRST, "GET", "providers")["providers"][0]
    terms = {name: listed["sign_on"][name] for name in
             ("client_id", "label", "authorization_endpoint", "token_endpoint", "end_session_endpoint")}  # fmt: skip
    assert "a/b" not in json.dumps(listed)
    api(FIRST, "POST", "providers/idp/no-sign-in", {"reason": "compromised"})
    assert not visitors[1].is_signed_in()
    assert visitors[1].ask("GET", "/sign-in/with/idp").status == 404
    api(FIRST, "POST", "providers/idp/sign-in", {**terms, "client_secret": "a/b c", "reason": "mended"})
    assert begun(visitors[1])["client_id"] == "console"


def test_the_cookie_that_is_shown_to_us_from_elsewhere_is_this_one_alone(console, forger):
    sent = console.visitor().ask("GET", "/sign-in/with/idp")
    given = [value for name, value in sent.headers if name.lower() == "set-cookie"]
    assert len(given) == 1
    assert given[0].startswith(f"{AWAY}=")
    assert {"SameSite=Lax", "HttpOnly", "Path=/"} <= set(given[0].split("; "))
    for odd in ("/sign-in/done?next=https://evil.example", "/sign-in/done?next=//evil.example"):
        assert "evil" not in console.visitor().ask("GET", odd).body
