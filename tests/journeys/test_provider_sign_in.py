"""Somebody signs in to the console at a real identity provider, in a real browser without JavaScript.

The provider is on `localhost` and the console on `127.0.0.1`: two sites, as in life, so that cookies kept from other
sites stay away on the way back. Needs node with `oidc-provider`, and Chromium; skipped, visibly, without.
"""

import json
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.console.browser import chromium, needs_chromium, served
from tests.journeys.test_oidc_provider import provider

from wardkeep.demo.instance import FIRST, Instance


@dataclass
class World:
    instance: Instance
    issuer: str
    browser: Any

    def page(self):
        return self.browser.new_context(java_script_enabled=False).new_page()

    def at(self, path: str) -> str:
        return self.instance.console + path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    needs_chromium()
    directory = tmp_path_factory.mktemp("provider")
    with served() as instance, provider(directory, f"{instance.console}/sign-in/return/idp") as issuer:
        record(instance, issuer, directory)
        with chromium() as browser:
            yield World(instance, issuer, browser)


def record(instance, issuer, directory: Path):
    """Put the provider on record as an operator does: by its published keys and metadata, on the command line."""
    for name, path in (("jwks", "/jwks"), ("metadata", "/.well-known/openid-configuration")):
        with urllib.request.urlopen(issuer + path, timeout=60) as answer:
            (directory / name).write_bytes(answer.read())
    (directory / "secret").write_text("a test: only/+ %\n")
    common = ("--home", str(instance.home), "--as", FIRST, "--json")

    def wardkeep(*arguments, fails=False):
        command = [sys.executable, "-m", "wardkeep", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout + done.stderr

    wardkeep("provider", "add", "idp", "--issuer", issuer, "--audience", "console",
             "--jwks", str(directory / "jwks"), *common)  # fmt: skip
    wardkeep("provider", "sign-in", "idp", "--client-id", "console-with-secret", "--label", "the clinic",
             "--discovery", str(directory / "metadata"), "--client-secret-file", str(directory / "secret"),
             "--reason", "signed", *common)  # fmt: skip
    other = json.loads((directory / "metadata").read_bytes()) | {"issuer": "https://evil.example"}
    (directory / "other").write_text(json.dumps(other))
    told = wardkeep("provider", "sign-in", "idp", "--client-id", "console", "--discovery", str(directory / "other"),
                    "--reason", "signed", *common, fails=True)  # fmt: skip
    assert "issuer_differs" in told


def heading(page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def linked(world, name: str) -> str:
    world.instance.api(FIRST, "POST", "people", {"id": name, "roles": ["auditor"], "reason": "joined"})
    link = {"provider": "idp", "subject": f"u-{name}", "reason": "their account"}
    world.instance.api(FIRST, "POST", f"people/{name}/link", link)
    return f"u-{name}"


def show(page, account: str, factors: str = "pwd mfa"):
    """What somebody does at the provider."""
    page.get_by_label("Account").fill(account)
    page.get_by_label("Factors").fill(factors)
    page.get_by_role("button", name="Continue").click()


def sign_in(world, page, account: str, factors: str = "pwd mfa"):
    page.goto(world.at("/sign-in"))
    page.get_by_role("link", name="Sign in with the clinic").click()
    assert page.url.startswith(world.issuer)
    show(page, account, factors)
    page.wait_for_url(world.at("/**"))


def test_somebody_signs_in_steps_up_and_signs_out_at_their_provider(world):
    account = linked(world, "ana")
    page = world.page()
    sign_in(world, page, account)
    page.wait_for_url(world.at("/account"))
    assert heading(page) == "Your account"
    assert "oidc:idp" in page.get_by_role("table").inner_text()
    cookies = {each["name"]: each for each in page.context.cookies(world.at("/"))}
    assert cookies["wardkeep-session"]["sameSite"] == "Strict"
    assert "wardkeep-provider" not in cookies
    first = cookies["wardkeep-session"]["value"]

    # step-up asks the person anew, although the provider knows this browser
    page.goto(world.at("/step-up?next=/account"))
    page.get_by_role("link", name="Confirm with the clinic").click()
    show(page, account)
    page.wait_for_url(world.at("/account"))
    second = {each["name"]: each["value"] for each in page.context.cookies(world.at("/"))}["wardkeep-session"]
    assert second != first

    page.get_by_role("button", name="Sign out").click()
    assert heading(page) == "Sign in"
    page.get_by_role("link", name="sign out there too").click()
    page.wait_for_url(re.compile(re.escape(world.issuer)))


def test_who_shows_no_second_factor_or_is_linked_to_nobody_stays_outside(world):
    account = linked(world, "ben")
    for who, factors, why in ((account, "pwd", "second factor"), ("u-stranger", "pwd mfa", "linked to nobody")):
        page = world.page()
        sign_in(world, page, who, factors)
        assert heading(page) == "Refused"
        assert why in page.get_by_role("alert").inner_text()
        page.goto(world.at("/account"))
        assert heading(page) == "Sign in"
    page = world.page()
    sign_in(world, page, "nobody")
    assert "provider_sign_in_invalid" in page.content()


def test_the_code_of_a_sign_in_serves_once_and_its_verifier_stays_with_us(world):
    account = linked(world, "cleo")
    page = world.page()
    back = []
    page.on("request", lambda asked: back.append(asked.url) if "/sign-in/return/" in asked.url else None)
    sign_in(world, page, account)
    page.wait_for_url(world.at("/account"))
    (address,) = back
    thief = world.page()
    thief.goto(address)
    assert heading(thief) == "Refused"
    thief.goto(world.at("/account"))
    assert heading(thief) == "Sign in"


def test_deprovisioned_is_signed_out_by_the_next_click(world):
    account = linked(world, "dora")
    page = world.page()
    sign_in(world, page, account)
    page.wait_for_url(world.at("/account"))
    world.instance.api(FIRST, "POST", "people/dora/disable", {"reason": "left"})
    page.goto(world.at("/account"))
    assert heading(page) == "Sign in"
