"""A real identity provider: code with PKCE, and its token proves for whom an application calls, until it does not.

Needs node and `npm install --prefix tests/simulators/oidc` (or OIDC_PROVIDER_DIR); skipped, visibly, without.
"""

import base64
import hashlib
import http.client
import http.cookiejar
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.journeys.house import house

from wardkeep.demo.instance import FIRST, SECOND

HERE = Path(__file__).parents[1] / "simulators" / "oidc"
MODULES = Path(os.environ.get("OIDC_PROVIDER_DIR", HERE)) / "node_modules"
MODEL = "sim-echo"


@contextmanager
def provider(tmp_path, *back):
    """Serve one; `back` are the addresses that the console's clients may be sent back to."""
    node = shutil.which("node")
    if node is None or not (MODULES / "oidc-provider").is_dir():
        pytest.skip("no node with oidc-provider here: npm install --prefix tests/simulators/oidc")
    script = tmp_path / "provider.mjs"
    script.write_text((HERE / "provider.mjs").read_text())
    (tmp_path / "node_modules").symlink_to(MODULES)
    with subprocess.Popen(
        [node, script, *back], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield json.loads(process.stdout.readline())["issuer"]
        finally:
            process.terminate()


class _Stop(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given):
        return None


def sign_in(issuer: str, login: str, nonce: str) -> dict:
    """Walk the authorization code flow with PKCE (RFC 7636) as a browser and a public client would."""
    opener = urllib.request.build_opener(_Stop, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    verifier = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

    def step(url, form=None):
        body = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with opener.open(urllib.parse.urljoin(issuer, url), body, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    asked = urllib.parse.urlencode(
        {
            "client_id": "portal", "response_type": "code", "redirect_uri": "http://localhost:1/cb",
            "scope": "openid", "nonce": nonce, "max_age": "300",
            "code_challenge": challenge, "code_challenge_method": "S256",
        }
    )  # fmt: skip
    place = f"/auth?{asked}"
    for _ in range(12):
        status, headers, body = step(place)
        if status in {302, 303}:
            place = headers["location"]
            if place.startswith("http://localhost:1/"):
                code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(place).query))["code"]
                form = {
                    "grant_type": "authorization_code", "code": code, "client_id": "portal",
                    "redirect_uri": "http://localhost:1/cb", "code_verifier": verifier,
                }  # fmt: skip
                return json.loads(step("/token", form)[2])
            continue
        prompt = "login" if b'name="login"' in body else "consent"
        _, headers, _ = step(place, {"prompt": prompt, "login": login, "password": "any"})
        place = headers["location"]
    raise AssertionError("the provider never came to an end")


def call(instance, key, headers):
    host = urllib.parse.urlsplit(instance.data)
    line = http.client.HTTPConnection(host.hostname, host.port, timeout=20)
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]})
    sent = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    line.request("POST", "/v1/chat/completions", body, sent)
    answer = line.getresponse()
    text = json.loads(answer.read())
    line.close()
    return answer.status, text.get("error", {}).get("code"), answer.getheader("wardkeep-ledger-index")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_token_of_a_real_provider_proves_the_person_until_they_leave(tmp_path, workers):
    with provider(tmp_path) as issuer, house(MODEL, workers=workers) as home:
        token = sign_in(issuer, "u-77", "n-1")["id_token"]
        with urllib.request.urlopen(issuer + "/jwks", timeout=20) as answer:
            keys = json.load(answer)
        home.officer("POST", "people", {"id": "nia", "roles": ["nurse"], "reason": "joined"})
        terms = {
            "id": "ward", "name": "Ward", "owner": FIRST, "members": ["nia"], "purposes": ["TREAT"], "models": None,
            "requires": ["verified_person"],
        }  # fmt: skip
        home.officer("POST", "workspaces", terms)
        app = {
            "id": "portal", "name": "Portal", "owner": SECOND, "workspace": "ward", "roles": ["nurse"],
            "token_clients": ["portal"],
        }  # fmt: skip
        home.officer("POST", "applications", app)
        key = home.officer(
            "POST", "keys",
            {"name": "portal", "owner": SECOND, "workspace": "ward", "application": "portal", "models": [MODEL],
             "purposes": ["TREAT"], "default_purpose": "TREAT"},
        )["credential"]  # fmt: skip
        record = {"id": "idp", "issuer": issuer, "audiences": ["portal"], "jwks": keys, "reason": "signed"}
        home.officer("POST", "providers", record)

        proof = {"Wardkeep-Person-Token": token}
        assert call(home.instance, key, {})[:2] == (403, "person_missing")
        assert call(home.instance, key, proof)[:2] == (403, "person_token_invalid")
        home.officer("POST", "people/nia/link", {"provider": "idp", "subject": "u-77", "reason": "their account"})
        status, _, index = call(home.instance, key, proof)
        assert status == 200
        entry = home.officer("GET", f"ledger/entries?from={index}&to={int(index) + 1}")["entries"][0]
        assert (entry["detail"]["person"], entry["detail"]["assurance"]) == ("nia", "verified")
        # the word of the application is no proof, and somebody else's name beside the token is refused
        assert call(home.instance, key, {"Wardkeep-On-Behalf-Of": "nia"})[:2] == (403, "person_not_accepted")
        both = {**proof, "Wardkeep-On-Behalf-Of": FIRST}
        assert call(home.instance, key, both)[:2] == (403, "person_token_invalid")
        # what is forged after the fact is refused, and the token is in no file of the home
        assert call(home.instance, key, {"Wardkeep-Person-Token": token[:-4] + "AAAA"})[1] == "person_token_invalid"
        assert all(token.encode() not in path.read_bytes() for path in home.instance.home.rglob("*") if path.is_file())
        # deprovisioned: refused on the next call, in every worker
        home.officer("POST", "people/nia/disable", {"reason": "left"})
        assert [call(home.instance, key, proof)[1] for _ in range(6)] == ["person_token_invalid"] * 6
