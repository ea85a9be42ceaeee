"""Signing in and enrolling: password then second factor, or a passkey; the answer never tells which part was wrong.

Nothing here says whether a name exists: an unknown one costs the same derivation, gets the same words, and waits as
long.
"""

from functools import partial
from typing import Final, Literal
from urllib.parse import urlencode

from wardkeep.compliance import logins
from wardkeep.compliance.errors import NotAllowed
from wardkeep.crypto.password import NOBODY, hash_password, is_password
from wardkeep.identity.breached import is_breached
from wardkeep.identity.keys import find_person
from wardkeep.identity.passkeys import (
    PasskeyRefused,
    Registered,
    Site,
    check_registration,
    check_sign_in,
    named_passkey,
    registration_options,
    sign_in_options,
)
from wardkeep.identity.sign_on import offered
from wardkeep.identity.totp import SECRET_BYTES, accepted_step, provisioning_uri, shown_secret
from wardkeep.model.login import Login, Passkey
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person
from wardkeep.model.sensitive import Secret
from wardkeep.web.page import Cookie, Page, PageRoute, Visit

_SESSION: Final = "wardkeep-session"
_PENDING: Final = "wardkeep-pending"
_WRONG: Final = "That was not accepted. Check what you typed and try again."
_LONGEST_NAME: Final = 64


def site_of(visit: Visit) -> Site:
    """Return where a passkey ceremony takes place: the name that the guard let through."""
    organisation = visit.registry.organisation
    return Site(
        host=visit.host.rpartition(":")[0] or visit.host,
        origin=f"{visit.scheme}://{visit.host}",
        name=organisation.name if organisation is not None else "Wardkeep",
    )


async def signed_in(visit: Visit, person: Person, method: str, *, factor_us: int | None = None) -> tuple[Cookie, ...]:
    """Record the sign-in, begin its session, and return the cookies. Raises LedgerUnavailable: then there is none.

    `factor_us` is when the second factor was shown, where that was not just now.
    """
    await visit.app.control.note_session(by=f"person:{person.id}", action="sign-in", method=method)
    visit.app.note_used(f"person:{person.id}")
    old = visit.session.id if visit.session is not None and visit.session.person == person.id else None
    started = await visit.app.sessions.begin(
        person.id, method, visit.device, visit.now_us, without=old, factor_us=factor_us
    )
    return (Cookie(name=_SESSION, value=started.token), Cookie(name=_PENDING, value=Secret("")))


def check_wait(visit: Visit, way: str, name: str) -> None:
    """Return when this name may try now. Raises RefusalError with how long to wait."""
    seconds = visit.app.guesses.wait_seconds(way, name, visit.now_us)
    if seconds:
        raise RefusalError(Refused(reason=Reason.TOO_MANY_GUESSES, retry_after_seconds=seconds))


async def wrong(visit: Visit, way: str, name: str) -> None:
    """Note a wrong answer; when somebody real must now wait, that is on record (45 CFR 164.308(a)(5)(ii)(C))."""
    must_wait = visit.app.guesses.failed(way, name, visit.now_us)
    if must_wait and name in visit.registry.people:
        await visit.app.control.refused(
            by=f"person:{name}", action=f"sign-in.{way}", code=Reason.TOO_MANY_GUESSES.value
        )


async def check_code(visit: Visit, person: Person, login: Login, code: str) -> Literal["totp", "recovery"] | None:
    """Return which second factor was proven, or None. A code is spent before anybody is told that it was right."""
    app, plain = visit.app, code.replace(" ", "")
    if login.totp is not None and plain.isascii() and plain.isdigit() and len(plain) == 6:
        secret = logins.open_totp(app.keys, tenant=app.tenant, person=person.id, body=login.totp)
        mark = f"totp:{person.id}"
        step = accepted_step(secret, plain, unix_seconds=visit.now_us / 1e6, last_step=app.sessions.mark(mark))
        if step is not None:
            await app.sessions.advance(mark, step)
            return "totp"
        return None
    spent = logins.recovery_mac(app.keys.api_key_key, person.id, plain)
    if spent not in login.recovery:
        return None
    plan = partial(logins.spend_recovery, code=spent)
    await app.control.change(
        by=f"person:{person.id}", action="login.recovery-used", reason="signed in", plan=lambda held: plan(held, person)
    )
    return "recovery"


# ---- password, then second factor ------------------------------------------------------------------------------------


async def _form(visit: Visit) -> Page:
    if visit.session is not None:
        return Page(to="/account")
    return _sign_in_page(visit)


def _sign_in_page(visit: Visit, problem: str | None = None) -> Page:
    """Return the form, the providers beside it, and where a sign-out may go on."""
    found = [(each.id, each.sign_on) for each in offered(visit.registry) if each.sign_on is not None]
    providers = [{"path": f"/sign-in/with/{name}", "label": terms.label} for name, terms in found]
    left = [
        {"path": f"{terms.end_session_endpoint}?{urlencode({'client_id': terms.client_id})}", "label": terms.label}
        for name, terms in found
        if terms.end_session_endpoint is not None and name == visit.query.get("left")
    ]
    values = {"problem": problem, "providers": providers, "left": left}
    return Page(template="sign_in.html", values=values, status=200 if problem is None else 403)


async def _password(visit: Visit) -> Page:
    name, password = visit.form.get("name", "")[:_LONGEST_NAME], visit.form.get("password", "")
    check_wait(visit, "password", name)
    person, login = visit.registry.people.get(name), visit.registry.logins.get(name)
    stored = login.password if login is not None and login.password is not None else NOBODY
    is_right = await visit.app.slowly(lambda: is_password(password[: logins.LONGEST_PASSWORD], stored))
    if not is_right or login is None or not login.is_complete or person is None or not person.is_active:
        await wrong(visit, "password", name)
        return _sign_in_page(visit, _WRONG)
    visit.app.guesses.succeeded("password", name)
    token = visit.app.pending("second", visit.now_us, person=person.id)
    return Page(to="/sign-in/code", cookies=(Cookie(name=_PENDING, value=Secret(token)),))


async def _code_form(visit: Visit) -> Page:
    held = visit.app.ceremonies.take(_token(visit), "second", visit.now_us, keep=True)
    return Page(to="/sign-in") if held is None else Page(template="code.html", values={"problem": None})


async def _code(visit: Visit) -> Page:
    token = _token(visit)
    held = visit.app.ceremonies.take(token, "second", visit.now_us, keep=True)
    if held is None or held.person is None:
        return Page(to="/sign-in")
    check_wait(visit, "code", held.person)
    person, login = visit.registry.people.get(held.person), visit.registry.logins.get(held.person)
    if person is None or not person.is_active or login is None:
        return Page(to="/sign-in")
    factor = await check_code(visit, person, login, visit.form.get("code", ""))
    if factor is None:
        await wrong(visit, "code", person.id)
        return Page(template="code.html", values={"problem": _WRONG}, status=403)
    visit.app.guesses.succeeded("code", person.id)
    visit.app.ceremonies.take(token, "second", visit.now_us)
    return Page(to="/account", cookies=await signed_in(visit, person, f"{held.first}+{factor}"))


# ---- passkeys --------------------------------------------------------------------------------------------------------


async def _passkey_options(visit: Visit) -> Page:
    challenge = visit.app.randomness(32)
    token = visit.app.pending("passkey", visit.now_us, person=None, challenge=challenge)
    return Page(json=sign_in_options(site_of(visit), challenge), cookies=(Cookie(name=_PENDING, value=Secret(token)),))


async def _passkey(visit: Visit) -> Page:
    held = visit.app.ceremonies.take(_token(visit), "passkey", visit.now_us)
    found = await prove_passkey(visit, held.challenge) if held is not None else None
    if found is None:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    return Page(json='{"to":"/account"}', cookies=await signed_in(visit, found, "passkey"))


async def prove_passkey(visit: Visit, challenge: bytes) -> Person | None:
    """Return the active person whose passkey signed the challenge; its counter is kept before they are told."""
    try:
        wanted = named_passkey(visit.body)
        for login in visit.registry.logins.values():
            for passkey in login.passkeys:
                if passkey.id != wanted:
                    continue
                mark = f"passkey:{wanted.hex()}"
                count = check_sign_in(
                    site_of(visit), visit.body, challenge, passkey, max(0, visit.app.sessions.mark(mark))
                )
                if count:
                    await visit.app.sessions.advance(mark, count)
                person = visit.registry.people.get(login.id)
                return person if person is not None and person.is_active else None
    except PasskeyRefused:
        return None
    return None


# ---- enrolment -------------------------------------------------------------------------------------------------------


async def _enrol_form(visit: Visit) -> Page:  # noqa: ARG001 - the same for everybody
    return Page(template="enrol.html", values={"problem": None})


async def _enrol(visit: Visit) -> Page:
    credential = visit.form.get("credential", "").strip()
    person = find_person(Secret(credential), visit.registry, visit.app.keys.api_key_key)
    if isinstance(person, Refused):
        # Of 190 random bits nobody guesses one; a wait here would only keep everybody from enrolling.
        return Page(template="enrol.html", values={"problem": _WRONG}, status=403)
    held = visit.registry.logins.get(person.id)
    if held is not None and held.is_complete:
        raise NotAllowed(
            "already_exists",
            what="You have enrolled before.",
            why="A personal credential that leaked must not replace your second factor.",
            fix="Sign in, or have your login reset (`wardkeep user reset-login`).",
            status=409,
        )
    token = visit.app.pending(
        "enrol",
        visit.now_us,
        person=person.id,
        totp=visit.app.randomness(SECRET_BYTES),
        handle=visit.app.randomness(32),
        challenge=visit.app.randomness(32),
    )
    return Page(to="/enrol/factors", cookies=(Cookie(name=_PENDING, value=Secret(token)),))


async def _factors_form(visit: Visit, problem: str | None = None) -> Page:
    held = visit.app.ceremonies.take(_token(visit), "enrol", visit.now_us, keep=True)
    if held is None or held.person is None:
        return Page(to="/enrol")
    values = {
        "problem": problem,
        "person": held.person,
        "secret": shown_secret(held.totp),
        "uri": provisioning_uri(held.totp, person=held.person, organisation=site_of(visit).name),
        "shortest": logins.SHORTEST_PASSWORD,
    }
    return Page(template="factors.html", values=values, status=200 if problem is None else 403)


async def _factors(visit: Visit) -> Page:
    token = _token(visit)
    held = visit.app.ceremonies.take(token, "enrol", visit.now_us, keep=True)
    person = visit.registry.people.get(held.person) if held is not None and held.person is not None else None
    if held is None or person is None:
        return Page(to="/enrol")
    check_wait(visit, "enrol-code", person.id)
    password, code = visit.form.get("password", ""), visit.form.get("code", "").replace(" ", "")
    try:
        logins.check_password(password, person.id, is_breached=lambda text: is_breached(text, visit.app.breached))
    except NotAllowed as error:
        return await _factors_form(visit, f"{error.what} {error.why}")
    if password != visit.form.get("again", ""):
        return await _factors_form(visit, "The two passwords differ.")
    step = accepted_step(held.totp, code, unix_seconds=visit.now_us / 1e6, last_step=-1)
    if step is None:
        await wrong(visit, "enrol-code", person.id)
        return await _factors_form(visit, "The code was not accepted. Is the clock of your device right?")
    hashed = await visit.app.slowly(lambda: hash_password(password))
    await visit.app.sessions.advance(f"totp:{person.id}", step)
    sealed = logins.seal_totp(visit.app.keys, tenant=visit.app.tenant, person=person.id, secret=held.totp)
    shown = await _enrolled(visit, person, handle=held.handle, password=hashed, totp=sealed, passkey=None)
    visit.app.ceremonies.take(token, "enrol", visit.now_us)
    return Page(
        template="recovery.html",
        values={"codes": shown, "next": "/home"},
        cookies=await signed_in(visit, person, "password+totp"),
    )


async def _enrolled(
    visit: Visit, person: Person, *, handle: bytes, password: str | None, totp: bytes | None, passkey: Passkey | None
) -> list[str]:
    """Record the enrolment; return the recovery codes, which are shown once."""
    codes = logins.new_recovery_codes(visit.app.keys.api_key_key, person.id, visit.app.randomness)
    recovery = tuple(codes.values()) if password is not None else ()
    plan = partial(logins.enrol, handle=handle, password=password, totp=totp, recovery=recovery, passkey=passkey)
    await visit.app.control.change(
        by=f"person:{person.id}", action="login.enrol", reason="enrolled", plan=lambda held: plan(held, person)
    )
    return list(codes) if password is not None else []


async def _enrol_passkey_options(visit: Visit) -> Page:
    held = visit.app.ceremonies.take(_token(visit), "enrol", visit.now_us, keep=True)
    if held is None or held.person is None:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    login = Login(id=held.person, handle=held.handle)
    return Page(json=registration_options(site_of(visit), login, held.challenge))


async def _enrol_passkey(visit: Visit) -> Page:
    held = visit.app.ceremonies.take(_token(visit), "enrol", visit.now_us)
    person = visit.registry.people.get(held.person) if held is not None and held.person is not None else None
    if held is None or person is None:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    passkey = await registered(visit, held.challenge)
    await _enrolled(visit, person, handle=held.handle, password=None, totp=None, passkey=passkey)
    return Page(json='{"to":"/account"}', cookies=await signed_in(visit, person, "passkey"))


async def registered(visit: Visit, challenge: bytes) -> Passkey:
    """Return the passkey that a registration proved. Raises RefusalError."""
    try:
        proven: Registered = check_registration(site_of(visit), visit.body, challenge)
    except PasskeyRefused:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED)) from None
    if proven.sign_count:
        await visit.app.sessions.advance(f"passkey:{proven.id.hex()}", proven.sign_count)
    added = visit.app.clock().wall
    return Passkey(id=proven.id, public_key=proven.public_key, name=f"added {added:%Y-%m-%d}", added_at=added)


def _token(visit: Visit) -> str | None:
    return visit.cookies.get(visit.app.cookie(_PENDING))


SIGN_IN_ROUTES: Final = (
    PageRoute(method="GET", path="/sign-in", handler=_form, is_open=True),
    PageRoute(method="POST", path="/sign-in", handler=_password, is_open=True),
    PageRoute(method="GET", path="/sign-in/code", handler=_code_form, is_open=True),
    PageRoute(method="POST", path="/sign-in/code", handler=_code, is_open=True),
    PageRoute(method="POST", path="/sign-in/passkey/options", handler=_passkey_options, is_open=True, is_json=True),
    PageRoute(method="POST", path="/sign-in/passkey", handler=_passkey, is_open=True, is_json=True),
    PageRoute(method="GET", path="/enrol", handler=_enrol_form, is_open=True),
    PageRoute(method="POST", path="/enrol", handler=_enrol, is_open=True),
    PageRoute(method="GET", path="/enrol/factors", handler=_factors_form, is_open=True),
    PageRoute(method="POST", path="/enrol/factors", handler=_factors, is_open=True),
    PageRoute(method="POST", path="/enrol/passkey/options", handler=_enrol_passkey_options, is_open=True, is_json=True),
    PageRoute(method="POST", path="/enrol/passkey", handler=_enrol_passkey, is_open=True, is_json=True),
)
