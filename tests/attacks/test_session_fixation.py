"""A token that somebody planted, or stole before, opens nothing after sign-in, step-up, sign-out or another's end."""

from tests.attacks.browserless import PENDING, SESSION
from tests.console.browser import code


def test_a_planted_token_is_never_the_session(console):
    name, credential = console.person()
    victim = console.visitor()
    planted = "A" * 43
    victim.cookies[SESSION] = planted
    secret = victim.enrol(credential)
    assert victim.cookies[SESSION] != planted
    thief = console.visitor()
    thief.cookies[SESSION] = planted
    assert not thief.is_signed_in()

    before = victim.cookies[SESSION]
    assert victim.ask("POST", "/step-up", {"code": code(secret), "next": "/account"}).status == 303
    assert victim.cookies[SESSION] != before
    thief.cookies[SESSION] = before
    assert not thief.is_signed_in()
    assert victim.is_signed_in()

    after = victim.cookies[SESSION]
    victim.ask("POST", "/sign-out")
    thief.cookies[SESSION] = after
    assert not thief.is_signed_in()
    actions = [each["detail"]["action"] for each in console.entries("session") if each["actor"] == f"person:{name}"]
    assert actions == ["sign-in", "step-up", "sign-out"]


def test_two_cookies_of_one_name_count_as_none(console):
    _, credential = console.person()
    victim = console.visitor()
    victim.enrol(credential)
    token = victim.cookies.pop(SESSION)
    doubled = victim.ask("GET", "/account", headers={"Cookie": f"{SESSION}=planted; {SESSION}={token}"})
    assert doubled.header("location") == "/sign-in"


def test_a_half_finished_sign_in_is_no_session_and_serves_no_other_step(console):
    name, credential = console.person()
    victim = console.visitor()
    victim.enrol(credential)
    half = console.visitor()
    assert half.first_factor(name).header("location") == "/sign-in/code"
    assert not half.is_signed_in()
    pending = half.cookies[PENDING]
    half.cookies[SESSION] = pending
    assert not half.is_signed_in()
    del half.cookies[SESSION]
    # the ceremony of one step is not taken for another's
    assert half.ask("GET", "/enrol/factors").header("location") == "/enrol"
    assert half.ask("POST", "/sign-in/passkey", b"{}", kind="application/json").status == 403


def test_ending_all_sessions_ends_them_in_every_browser(console):
    _, credential = console.person()
    one = console.visitor()
    secret = one.enrol(credential)
    two = console.visitor()
    two.cookies |= one.cookies
    assert two.is_signed_in()
    assert one.ask("POST", "/step-up", {"code": code(secret), "next": "/account"}).status == 303
    assert not two.is_signed_in()
    assert one.ask("POST", "/account/sessions/end-all").header("location") == "/sign-in"
    assert not one.is_signed_in()


def test_a_new_password_ends_every_other_session_also_one_that_began_later(console):
    name, credential = console.person()
    owner = console.visitor()
    secret = owner.enrol(credential)
    thief = console.visitor()
    thief.first_factor(name)
    assert thief.ask("POST", "/sign-in/code", {"code": code(secret)}).header("location") == "/account"
    assert thief.is_signed_in()
    new = "another long phrase that nobody wrote down"
    assert owner.ask("POST", "/account/password", {"password": new, "again": new}).header("location") == "/account"
    assert owner.is_signed_in()
    assert not thief.is_signed_in()


def test_nobody_ends_a_session_of_somebody_else(console):
    import re

    (_, first), (_, second) = console.person(), console.person()
    one, two = console.visitor(), console.visitor()
    one.enrol(first)
    two.enrol(second)
    theirs = re.search(r'name="id" value="([0-9a-f]{64})"', two.ask("GET", "/account").body).group(1)
    assert one.ask("POST", "/account/sessions/end", {"id": theirs}).status == 303
    assert two.is_signed_in()


def test_the_cookie_is_kept_from_scripts_and_other_sites(console):
    _, credential = console.person()
    visitor = console.visitor()
    visitor.enrol(credential)
    answer = visitor.ask("GET", "/sign-in")
    assert answer.header("location") == "/account"
    fresh = console.visitor().ask("POST", "/sign-in/passkey/options", b"{}", kind="application/json")
    given = fresh.header("set-cookie")
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(given.split("; "))
    policy = fresh.header("content-security-policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
