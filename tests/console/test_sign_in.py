"""Sign-in, enrolment and account pages in a real Chromium: without JavaScript, with passkeys, and axe clean."""

import pytest
from tests.console.browser import PASSWORD, authenticator, chromium, code, enrol, needs_chromium, origin, served

from wardkeep.demo.instance import FIRST, SECOND


@pytest.fixture(scope="module")
def console():
    needs_chromium()
    with served() as instance, chromium() as browser:
        yield instance, browser


def heading(page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def check_accessible(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["help"]) for each in found] == []


def test_everything_but_passkeys_works_without_javascript(console):
    instance, browser = console
    page = browser.new_context(java_script_enabled=False).new_page()
    secret, spent = enrol(page, instance, FIRST)
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == len(set(codes)) == 10
    page.get_by_role("link", name="I have them safe").click()
    assert heading(page) == "Set-up"
    assert "0 of 7 steps are done" in page.content()
    page.get_by_role("button", name="Sign out").click()
    assert heading(page) == "Sign in"
    page.goto(origin(instance) + "/account")
    assert heading(page) == "Sign in"

    # a wrong password tells nothing; the right one needs its second factor
    for password, expected in (("wrong but long enough", "Sign in"), (PASSWORD, "Second factor")):
        page.get_by_label("Your id").fill(FIRST)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Continue").click()
        assert heading(page) == expected
    # the enrolment's code was spent: it opens nothing a second time (RFC 6238 section 5.2)
    for number, expected in ((spent, "Second factor"), (None, "Your account")):
        page.get_by_label("Code of your authenticator, or a recovery code").fill(number or code(secret))
        page.get_by_role("button", name="Sign in").click()
        assert heading(page) == expected

    # a recovery code opens one session, once
    page.get_by_role("button", name="Sign out").click()
    for _ in range(2):
        page.goto(origin(instance) + "/sign-in")
        page.get_by_label("Your id").fill(FIRST)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Code of your authenticator, or a recovery code").fill(codes[0].lower())
        page.get_by_role("button", name="Sign in").click()
        seen = heading(page)
        if seen == "Your account":
            assert "9 left" in page.content()
            page.get_by_role("button", name="Sign out").click()
    assert seen == "Second factor"


def test_a_passkey_enrols_signs_in_and_steps_up(console):
    instance, browser = console
    context = browser.new_context()
    page = context.new_page()
    line, name = authenticator(page)
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(origin(instance) + "/enrol")
    page.get_by_label("Personal credential").fill(instance.credential(SECOND))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Enrol a passkey").click()
    page.wait_for_url("**/account")
    assert len(line.send("WebAuthn.getCredentials", {"authenticatorId": name})["credentials"]) == 1
    first = next(each["value"] for each in context.cookies() if each["name"] == "wardkeep-session")

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")
    assert "passkey" in page.get_by_role("table").inner_text()
    second = next(each["value"] for each in context.cookies() if each["name"] == "wardkeep-session")
    page.goto(origin(instance) + "/step-up")
    page.get_by_role("button", name="Confirm with a passkey").click()
    page.wait_for_url("**/account")
    third = next(each["value"] for each in context.cookies() if each["name"] == "wardkeep-session")
    assert len({first, second, third}) == 3

    # the last way in is not given away, a second passkey is registered by the same authenticator's refusal only
    page.get_by_role("button", name="Remove the passkey").click()
    assert "last way to sign in" in page.content()
    assert not [text for text in problems if "Content Security Policy" in text]

    # a copied authenticator: the signature counter does not advance
    held = line.send("WebAuthn.getCredentials", {"authenticatorId": name})["credentials"][0]
    line.send("WebAuthn.removeCredential", {"authenticatorId": name, "credentialId": held["credentialId"]})
    line.send("WebAuthn.addCredential", {"authenticatorId": name, "credential": {**held, "signCount": 0}})
    page.goto(origin(instance) + "/account")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("The passkey was not used").wait_for()
    assert heading(page) == "Sign in"


def test_every_page_is_for_everybody_and_ends_everywhere(console):
    instance, browser = console
    instance.api(FIRST, "POST", "people", {"id": "nia", "roles": ["nurse"], "reason": "joined"})
    made = instance.api(FIRST, "POST", "people/nia/credential", {"reason": "first one lost"})
    (instance.home / "credentials" / "nia").write_text(made["credential"])
    context = browser.new_context()
    page = context.new_page()
    for path in ("/", "/sign-in", "/enrol"):
        page.goto(origin(instance) + path)
        check_accessible(page)
    enrol(page, instance, "nia")
    check_accessible(page)
    for path in ("/account", "/step-up", "/approvals"):
        page.goto(origin(instance) + path)
        check_accessible(page)
    page.emulate_media(color_scheme="dark")
    check_accessible(page)
    other = browser.new_context(storage_state=context.storage_state()).new_page()
    other.goto(origin(instance) + "/account")
    assert heading(other) == "Your account"
    # who left is signed out by the next click, in every window
    instance.api(FIRST, "POST", "people/nia/disable", {"reason": "left"})
    for each in (page, other):
        each.goto(origin(instance) + "/account")
        assert heading(each) == "Sign in"
