"""A code that was seen over a shoulder, or caught on its way, is used a second time (RFC 6238 section 5.2)."""

from hypothesis import given
from hypothesis import strategies as st
from tests.console.browser import code

from wardkeep.crypto.otp import hotp, step_at
from wardkeep.identity.totp import accepted_step

SECRET = b"12345678901234567890"


def test_a_code_opens_one_session_in_one_browser(console):
    name, credential = console.person()
    victim = console.visitor()
    secret = victim.enrol(credential)
    seen = code(secret)
    assert victim.ask("POST", "/step-up", {"code": seen, "next": "/account"}).status == 303
    thief = console.visitor()
    thief.first_factor(name)
    for replayed in (seen, code(secret, -1)):
        assert thief.ask("POST", "/sign-in/code", {"code": replayed}).status == 403
    assert not thief.is_signed_in()


def test_guessing_has_to_wait_and_says_so_on_record(console):
    name, credential = console.person()
    console.visitor().enrol(credential)
    guesser = console.visitor()
    guesser.first_factor(name)
    statuses = [guesser.ask("POST", "/sign-in/code", {"code": f"{n:06}"}).status for n in range(7)]
    assert statuses == [403] * 5 + [429] * 2
    answer = guesser.ask("POST", "/sign-in/code", {"code": "000000"})
    assert 0 < int(answer.header("retry-after")) <= 30
    refusals = [each for each in console.entries("refusal") if each["actor"] == f"person:{name}"]
    assert [each["decision"] for each in refusals] == ["too_many_guesses"]
    # the owner is not kept out by it: the other ways in do not wait
    assert console.visitor().first_factor(name).status == 303


@given(st.integers(3600, 2**31), st.integers(-5, 5), st.integers(-3, 3))
def test_no_step_is_accepted_twice_or_backwards(now, offset, last):
    step = step_at(now)
    accepted = accepted_step(SECRET, hotp(SECRET, step + offset), unix_seconds=now, last_step=step + last)
    if accepted is not None:
        assert step - 1 <= accepted <= step + 1
        assert accepted > step + last


def test_the_codes_are_those_of_the_standard():
    # RFC 6238 appendix B (SHA-1), shortened to six digits; RFC 4226 appendix D
    assert [hotp(SECRET, step_at(t)) for t in (59, 1111111109, 1234567890, 20000000000)] == [
        "287082", "081804", "005924", "353130",
    ]  # fmt: skip
    assert [hotp(SECRET, n) for n in range(3)] == ["755224", "287082", "359152"]
