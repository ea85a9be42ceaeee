"""A real Chromium and a real instance, for pages: with or without JavaScript, with a virtual authenticator.

The browser is the Debian package `chromium` (or what CHROMIUM names); without one these tests skip, visibly.
"""

import base64
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from wardkeep.crypto.otp import hotp, step_at
from wardkeep.demo.instance import Instance

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PASSWORD = "seven quiet herons at dusk"


def needs_chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, or name one in CHROMIUM")


_TRIES = 3


@contextmanager
def served():
    """Serve a fresh instance on loopback; pages are asked for by the name that passkeys take: localhost."""
    with tempfile.TemporaryDirectory() as directory:
        instance = Instance(home=Path(directory) / "home", workers=1, environment={}, deadline_seconds=120.0)
        instance.init()
        with instance:
            yield instance


def origin(instance) -> str:
    return instance.console.replace("127.0.0.1", "localhost")


def code(secret: str, offset: int = 0) -> str:
    """The code of now, or of so many steps beside it; the server takes one step to either side."""
    text = secret.replace(" ", "")
    raw = base64.b32decode(text + "=" * (-len(text) % 8))
    return hotp(raw, step_at(time.time()) + offset)


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def enrol(page, instance, person: str, *, days_ahead: int = 0) -> tuple[str, str]:
    """Enrol by password and authenticator through the pages; return the authenticator's key and the spent code.

    `days_ahead` is how far the instance's clock is set ahead.
    """
    page.goto(origin(instance) + "/enrol")
    page.get_by_label("Personal credential").fill(instance.credential(person))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/enrol/factors")
    recovery = page.get_by_role("heading", name="Recovery codes")
    for _ in range(_TRIES):
        secret = page.locator("code.secret").inner_text()
        spent = code(secret, days_ahead * 2880 - 1)
        page.get_by_label(re.compile("^Password")).fill(PASSWORD)
        page.get_by_label("The same password again").fill(PASSWORD)
        page.get_by_label("Code that the authenticator shows now").fill(spent)
        page.get_by_role("button", name="Enrol", exact=True).click()
        recovery.or_(page.get_by_role("alert")).first.wait_for()
        if recovery.is_visible():
            break
        # The half minute ended between the code and its check: the one before it is too old then.
    recovery.wait_for()
    return secret, spent


def do(page, deed, on, reason, *, holding=None, **fields):
    """Fill one deed's form by the names of its fields and send it; `holding` is a hidden field of the wanted one."""
    form = page.locator("form", has=page.locator(f"input[name=deed][value='{deed}']"))
    if on is not None:
        form = form.and_(page.locator("form", has=page.locator(f"input[name='deed-on'][value='{on}']")))
    if holding is not None:
        form = form.and_(page.locator("form", has=page.locator(f"input[name='{holding[0]}'][value='{holding[1]}']")))
    form = form.first
    details = form.locator("xpath=ancestor::details[1]")
    if details.count() and details.get_attribute("open") is None:
        details.locator("summary").first.click()
    for name, value in {**fields, "reason": reason}.items():
        place = form.locator(f"[name='{name}']")
        if place.first.evaluate("each => each.tagName") == "SELECT":
            place.select_option(value)
        elif place.first.get_attribute("type") == "radio":
            form.locator(f"[name='{name}'][value='{value}']").check()
        elif value is True:
            place.check()
        else:
            place.fill(value)
    with page.expect_navigation():
        form.get_by_role("button").last.click()
    assert page.get_by_role("alert").count() == 0, page.locator("main").inner_text()


def authenticator(page):
    """Attach a virtual authenticator that keeps passkeys and verifies its user (W3C WebAuthn section 11)."""
    line = page.context.new_cdp_session(page)
    line.send("WebAuthn.enable")
    made = line.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    return line, made["authenticatorId"]
