"""What people see and change of their own, step-up before what is dangerous, and the approvals that await them."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import urlencode

from wardkeep.compliance import logins, vendors, workspaces
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change
from wardkeep.crypto.password import hash_password
from wardkeep.identity.breached import is_breached
from wardkeep.identity.passkeys import registration_options, sign_in_options
from wardkeep.identity.sign_on import METHOD, offered
from wardkeep.model.access import RequestStatus
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import AgreementStatus, Person, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission, permit
from wardkeep.storage.sessions_sqlite import SessionRow
from wardkeep.web.console.shell import is_fresh, own_path, part_of, stepped_up, who
from wardkeep.web.page import Cookie, Page, PageRoute, Visit
from wardkeep.web.pages_sign_in import check_code, check_wait, prove_passkey, registered, signed_in, site_of, wrong

_A_PART: Final = 30
_PENDING: Final = "wardkeep-pending"
_SESSION: Final = "wardkeep-session"
_OWN_WISH: Final = "by the person themselves"

PersonPlan = Callable[[Registry, Person], Sequence[Change]]


async def _account(visit: Visit) -> Page:
    person, session = who(visit)
    login = visit.registry.logins.get(person.id)
    sessions = [
        {
            "id": row.id.hex(),
            "device": row.device,
            "method": row.method,
            "since": _shown(row.created_us),
            "seen": _shown(row.seen_us),
            "is_this": row.id == session.id,
        }
        for row in visit.app.sessions.of(person.id, visit.now_us)
    ]
    passkeys = [
        {"id": each.id.hex(), "name": each.name, "since": f"{each.added_at:%Y-%m-%d}"}
        for each in (login.passkeys if login is not None else ())
    ]
    values = {
        "person": person.id,
        "roles": sorted(person.roles),
        "sessions": sessions,
        "passkeys": passkeys,
        "has_password": login is not None and login.password is not None,
        "recovery_left": len(login.recovery) if login is not None else 0,
        "is_fresh": is_fresh(visit, session),
        "shortest": logins.SHORTEST_PASSWORD,
    }
    return Page(template="account.html", values=values)


async def _sign_out(visit: Visit) -> Page:
    person, session = who(visit)
    await visit.app.sessions.end(session.id)
    visit.app.chats.end_all(person.id)
    visit.app.files.forget(person.id)
    await visit.app.control.note_session(by=f"person:{person.id}", action="sign-out", method=session.method)
    # At the provider they are still signed in, and whoever comes next to this browser with them.
    left = next((each.id for each in offered(visit.registry, person) if session.method.startswith(METHOD)), None)
    to = "/sign-in" if left is None else f"/sign-in?{urlencode({'left': left})}"
    return Page(to=to, cookies=(Cookie(name=_SESSION, value=Secret("")),))


async def _end_session(visit: Visit) -> Page:
    """End one of one's own sessions; somebody else's id is as unknown as none."""
    person, session = who(visit)
    mine = {row.id.hex(): row.id for row in visit.app.sessions.of(person.id, visit.now_us)}
    wanted = mine.get(visit.form.get("id", ""))
    if wanted is not None:
        await visit.app.sessions.end(wanted)
        visit.app.forget_gone()
        await visit.app.control.note_session(by=f"person:{person.id}", action="session-ended", method=session.method)
    return Page(to="/account")


async def _end_all(visit: Visit) -> Page:
    person, session = who(visit)
    await visit.app.sessions.end_all(person.id)
    visit.app.forget_gone()
    await visit.app.control.note_session(by=f"person:{person.id}", action="all-sessions-ended", method=session.method)
    return Page(to="/sign-in", cookies=(Cookie(name=_SESSION, value=Secret("")),))


async def _password(visit: Visit) -> Page:
    person, session = stepped_up(visit), who(visit)[1]
    password = visit.form.get("password", "")
    logins.check_password(password, person.id, is_breached=lambda text: is_breached(text, visit.app.breached))
    if password != visit.form.get("again", ""):
        raise NotAllowed(
            "value_invalid", what="The two passwords differ.", why="A slip of the finger would lock you out.",
            fix="Type the same password twice.", status=400,
        )  # fmt: skip
    hashed = await visit.app.slowly(lambda: hash_password(password))
    plan = partial(logins.set_password, password=hashed, totp=None)
    await _change(visit, person, "login.password", plan)
    # Whoever else may have known the old password is signed out; this session goes on under a new token.
    await visit.app.sessions.end_all(person.id, but=session.id)
    return Page(to="/account", cookies=await signed_in(visit, person, "password+totp"))


async def _recovery(visit: Visit) -> Page:
    person = stepped_up(visit)
    codes = logins.new_recovery_codes(visit.app.keys.api_key_key, person.id, visit.app.randomness)
    await _change(visit, person, "login.recovery", partial(logins.set_recovery, recovery=tuple(codes.values())))
    return Page(template="recovery.html", values={"codes": list(codes), "next": "/account"})


async def _passkey_options(visit: Visit) -> Page:
    person = stepped_up(visit)
    login = visit.registry.logins.get(person.id)
    if login is None:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    challenge = visit.app.randomness(32)
    token = visit.app.pending("add-passkey", visit.now_us, person=person.id, challenge=challenge)
    options = registration_options(site_of(visit), login, challenge)
    return Page(json=options, cookies=(Cookie(name=_PENDING, value=Secret(token)),))


async def _add_passkey(visit: Visit) -> Page:
    person = stepped_up(visit)
    held = visit.app.ceremonies.take(_token(visit), "add-passkey", visit.now_us)
    if held is None or held.person != person.id:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    plan = partial(logins.add_passkey, passkey=await registered(visit, held.challenge))
    await _change(visit, person, "login.passkey-added", plan)
    return Page(json='{"to":"/account"}')


async def _remove_passkey(visit: Visit) -> Page:
    person = stepped_up(visit)
    try:
        wanted = bytes.fromhex(visit.form.get("id", ""))
    except ValueError:
        wanted = b""
    await _change(visit, person, "login.passkey-removed", partial(logins.remove_passkey, passkey=wanted))
    return Page(to="/account")


# ---- step-up ---------------------------------------------------------------------------------------------------------


async def _step_up_form(visit: Visit) -> Page:
    return _step_up_page(visit, _next(visit, visit.query.get("next")))


def _step_up_page(visit: Visit, going: str, problem: str | None = None) -> Page:
    person, _ = who(visit)
    asked = f"?{urlencode({'next': going})}"
    providers = [
        {"path": f"/step-up/with/{each.id}{asked}", "label": each.sign_on.label}
        for each in offered(visit.registry, person)
        if each.sign_on is not None
    ]
    values = {"problem": problem, "next": going, "providers": providers}
    return Page(template="step_up.html", values=values, status=200 if problem is None else 403)


async def _step_up(visit: Visit) -> Page:
    person, session = who(visit)
    going = _next(visit, visit.form.get("next"))
    check_wait(visit, "code", person.id)
    login = visit.registry.logins.get(person.id)
    factor = await check_code(visit, person, login, visit.form.get("code", "")) if login is not None else None
    if factor is None:
        await wrong(visit, "code", person.id)
        return _step_up_page(visit, going, "That code was not accepted.")
    visit.app.guesses.succeeded("code", person.id)
    return Page(to=going, cookies=await _renewed(visit, person, session))


async def _step_up_options(visit: Visit) -> Page:
    person, _ = who(visit)
    challenge = visit.app.randomness(32)
    token = visit.app.pending("step-up", visit.now_us, person=person.id, challenge=challenge)
    options = sign_in_options(site_of(visit), challenge)
    return Page(json=options, cookies=(Cookie(name=_PENDING, value=Secret(token)),))


async def _step_up_passkey(visit: Visit) -> Page:
    person, session = who(visit)
    held = visit.app.ceremonies.take(_token(visit), "step-up", visit.now_us)
    found = await prove_passkey(visit, held.challenge) if held is not None and held.person == person.id else None
    if found is None or found.id != person.id:
        raise RefusalError(Refused(reason=Reason.PASSKEY_NOT_ACCEPTED))
    going = _next(visit, visit.query.get("next"))
    return Page(json=json.dumps({"to": going}), cookies=await _renewed(visit, person, session))


async def _renewed(visit: Visit, person: Person, session: SessionRow) -> tuple[Cookie, ...]:
    """Return the cookie of the same session under a new token: a stolen one does not grow with it."""
    await visit.app.control.note_session(by=f"person:{person.id}", action="step-up", method=session.method)
    started = await visit.app.sessions.begin(person.id, session.method, visit.device, visit.now_us, without=session.id)
    return (Cookie(name=_SESSION, value=started.token),)


# ---- approvals -------------------------------------------------------------------------------------------------------


async def _approvals(visit: Visit) -> Page:
    person, session = who(visit)
    may_decide = permit(person, Permission.PERSON_CHANGE) is None
    may_activate = permit(person, Permission.AGREEMENT_ACTIVATE) is None
    requests = [
        {"id": each.id, "person": each.person, "roles": sorted(each.roles), "workspace": each.workspace or "-",
         "by": each.asked_by, "since": f"{each.asked_at:%Y-%m-%d %H:%M}"}
        for each in visit.registry.access_requests.values()
        if may_decide and each.status is RequestStatus.OPEN and person.id not in {each.asked_by, each.person}
    ]  # fmt: skip
    agreements = [
        {"id": each.id, "vendor": each.vendor, "party": each.party, "by": each.added_by, "scopes": len(each.scopes)}
        for each in visit.registry.agreements.values()
        if may_activate and each.status is AgreementStatus.DRAFT and each.added_by != person.id
    ]
    values = {
        "requests": part_of(visit, requests, _A_PART),
        "agreements": agreements,
        "is_fresh": is_fresh(visit, session),
    }
    return Page(template="approvals.html", values=values)


async def _decide(visit: Visit) -> Page:
    person = stepped_up(visit)
    identifier, reason = visit.form.get("id", ""), visit.form.get("reason", "")
    match visit.form.get("decision"):
        case "approve" | "deny" as word:
            plan = partial(workspaces.decide_access, request=identifier, is_approved=word == "approve")
            await _change(visit, person, f"access.{word}", plan, reason)
        case "activate":
            organisation = visit.registry.organisation
            if organisation is None:
                raise RefusalError(Refused(reason=Reason.FACTS_UNAVAILABLE))
            day = visit.app.clock().day_in(organisation.zone)
            plan_activation = partial(vendors.activate, agreement=identifier, today=day)
            await _change(visit, person, "agreement.activate", plan_activation, reason)
        case _:
            raise RefusalError(Refused(reason=Reason.REQUEST_MALFORMED))
    return Page(to="/approvals")


async def _change(visit: Visit, person: Person, action: str, plan: PersonPlan, reason: str = _OWN_WISH) -> None:
    """Make one change, its rule asked with the person as they are when it is made."""

    def planned(registry: Registry) -> Sequence[Change]:
        return plan(registry, registry.people.get(person.id, person))

    by = f"person:{person.id}"
    try:
        await visit.app.control.change(by=by, action=action, reason=reason, plan=planned)
    except NotAllowed as error:
        if error.status == 403:
            await visit.app.control.refused(by=by, action=action, code=error.code)
        raise


def _next(visit: Visit, wanted: str | None) -> str:
    """Return where to go on: one of our own pages, whatever was asked (no open redirect)."""
    return own_path(wanted, visit.app.page_paths) or "/account"


def _shown(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"


def _token(visit: Visit) -> str | None:
    return visit.cookies.get(visit.app.cookie(_PENDING))


ACCOUNT_ROUTES: Final = (
    PageRoute(method="GET", path="/account", handler=_account),
    PageRoute(method="POST", path="/sign-out", handler=_sign_out),
    PageRoute(method="POST", path="/account/sessions/end", handler=_end_session),
    PageRoute(method="POST", path="/account/sessions/end-all", handler=_end_all),
    PageRoute(method="POST", path="/account/password", handler=_password),
    PageRoute(method="POST", path="/account/recovery", handler=_recovery),
    PageRoute(method="POST", path="/account/passkeys/options", handler=_passkey_options, is_json=True),
    PageRoute(method="POST", path="/account/passkeys", handler=_add_passkey, is_json=True),
    PageRoute(method="POST", path="/account/passkeys/remove", handler=_remove_passkey),
    PageRoute(method="GET", path="/step-up", handler=_step_up_form),
    PageRoute(method="POST", path="/step-up", handler=_step_up),
    PageRoute(method="POST", path="/step-up/passkey/options", handler=_step_up_options, is_json=True),
    PageRoute(method="POST", path="/step-up/passkey", handler=_step_up_passkey, is_json=True),
    PageRoute(method="GET", path="/approvals", handler=_approvals),
    PageRoute(method="POST", path="/approvals", handler=_decide),
)
