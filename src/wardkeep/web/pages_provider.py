"""Signing in, and stepping up, at an identity provider: sent away, and back (OpenID Connect Core 1.0 section 3.1).

Sent away by a link, because our policy lets no form end on another site. A browser that comes back from there shows
none of the cookies that are kept from other sites, so this ceremony has one of its own that is shown (`SameSite=Lax`),
opens nothing by itself and serves once; the session it leads to is as strict as any other. For the same reason one
last page of ours stands between the way back and the first page that needs the session.
"""

from functools import partial
from typing import Final

from wardkeep.compliance.providers import open_client_secret
from wardkeep.identity.sign_on import (
    METHOD,
    Away,
    Vouched,
    answered_code,
    authorization_address,
    leave,
    offered,
    person_of,
    shown_at_us,
    vouched,
)
from wardkeep.model.access import IdentityProvider
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person
from wardkeep.model.sensitive import Secret
from wardkeep.web.console.shell import own_path, who
from wardkeep.web.page import Cookie, Page, PageRoute, Visit
from wardkeep.web.pages_sign_in import signed_in

_AWAY: Final = "wardkeep-provider"
_PENDING: Final = "wardkeep-pending"
_SESSION: Final = "wardkeep-session"
_GONE: Final = Cookie(name=_AWAY, value=Secret(""), is_lax=True)
_CODE_PAGE: Final = "/sign-in/code"


async def _sign_in_with(visit: Visit) -> Page:
    return _sent(visit, _provider(visit))


async def _step_up_with(visit: Visit) -> Page:
    person, session = who(visit)
    provider = _provider(visit, person)
    going = own_path(visit.query.get("next"), visit.app.page_paths) or "/account"
    return _sent(visit, provider, session=session.id, going=going)


def _sent(visit: Visit, provider: IdentityProvider, *, session: bytes | None = None, going: str = "/account") -> Page:
    """Send the browser to the provider, holding what it must come back with."""
    if provider.sign_on is None:
        raise RefusalError(Refused(reason=Reason.PATH_UNKNOWN))
    redirect_uri = f"{visit.scheme}://{visit.host}/sign-in/return/{provider.id}"
    away = leave(provider.id, redirect_uri, visit.app.randomness, visit.now_us, session=session, going=going)
    token = visit.app.pending("away", visit.now_us, person=None, away=away)
    cookie = Cookie(name=_AWAY, value=Secret(token), is_lax=True)
    return Page(to=authorization_address(provider.sign_on, away), cookies=(cookie,))


async def _return(visit: Visit) -> Page:
    """Take the browser back: who is it, and does the provider say that they showed a second factor?"""
    token = visit.cookies.get(visit.app.cookie(_AWAY))
    held = visit.app.ceremonies.take(token, "away", visit.now_us, keep=True)
    away = held.away if held is not None else None
    provider = next((each for each in offered(visit.registry) if each.id == visit.words[0]), None)
    if away is None or provider is None or away.provider != provider.id:
        raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
    code = answered_code(provider, away, visit.query)
    # Spent before the code is: whoever repeats this address gets nothing.
    visit.app.ceremonies.take(token, "away", visit.now_us)
    found = await _asked(visit, provider, code, away)
    person = person_of(visit.app.control.registry, provider.id, found.subject)
    if person is None:
        raise await _refused(visit, provider, Reason.PROVIDER_PERSON_UNKNOWN)
    if away.session is not None:
        return await _stepped_up(visit, provider, person, found, away)
    method = f"{METHOD}:{provider.id}"
    if found.second_factor_at is not None:
        cookies = await signed_in(visit, person, method, factor_us=shown_at_us(found))
        return Page(to="/sign-in/done", cookies=(*cookies, _GONE))
    login = visit.registry.logins.get(person.id)
    if login is None or (login.totp is None and not login.recovery):
        raise await _refused(visit, provider, Reason.PROVIDER_SECOND_FACTOR_MISSING)
    # The provider stands for the password; the code that is missing is asked for here.
    pending = visit.app.pending("second", visit.now_us, person=person.id, first=method)
    return Page(to=f"/sign-in/done?next={_CODE_PAGE}", cookies=(Cookie(name=_PENDING, value=Secret(pending)), _GONE))


async def _asked(visit: Visit, provider: IdentityProvider, code: str, away: Away) -> Vouched:
    """Return whom the provider vouches for, by the token it gives for the code. Raises RefusalError."""
    app, terms = visit.app, provider.sign_on
    if terms is None:
        raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
    secret = open_client_secret(app.keys, tenant=app.tenant, provider=provider)
    token = await app.exchange.token(terms, secret, code, away)
    try:
        # The signature is checked beside the loop: with large keys it takes as long as a whole call.
        return await app.slowly(partial(vouched, token, provider, away, app.clock().wall))
    except RefusalError as error:
        if error.refused.reason is Reason.PROVIDER_SIGN_IN_INVALID:
            raise await _refused(visit, provider, error.refused.reason) from error
        raise


async def _stepped_up(visit: Visit, provider: IdentityProvider, person: Person, found: Vouched, away: Away) -> Page:
    """Renew the session that asked, when the same person showed a second factor anew."""
    session = next((each for each in visit.app.sessions.of(person.id, visit.now_us) if each.id == away.session), None)
    if session is None:
        raise await _refused(visit, provider, Reason.PROVIDER_SIGN_IN_INVALID)
    if found.second_factor_at is None:
        raise await _refused(visit, provider, Reason.PROVIDER_SECOND_FACTOR_MISSING)
    await visit.app.control.note_session(by=f"person:{person.id}", action="step-up", method=f"{METHOD}:{provider.id}")
    started = await visit.app.sessions.begin(
        person.id, session.method, session.device, visit.now_us, without=session.id, factor_us=shown_at_us(found)
    )
    going = "" if away.going == "/account" else f"?next={away.going}"
    return Page(to=f"/sign-in/done{going}", cookies=(Cookie(name=_SESSION, value=started.token), _GONE))


async def _refused(visit: Visit, provider: IdentityProvider, reason: Reason) -> RefusalError:
    """Put on record that what the provider answered opened nothing; only it can bring somebody here."""
    await visit.app.control.refused(by=f"provider:{provider.id}", action="sign-in.provider", code=reason.value)
    return RefusalError(Refused(reason=reason))


async def _done(visit: Visit) -> Page:
    """Go on as one of our own pages: only then does the browser show the session's cookie."""
    paths = visit.app.page_paths | {_CODE_PAGE}
    return Page(template="signed_in.html", values={"next": own_path(visit.query.get("next"), paths) or "/account"})


def _provider(visit: Visit, person: Person | None = None) -> IdentityProvider:
    """Return the provider that the path names. Raises RefusalError when nobody signs in there."""
    found = next((each for each in offered(visit.registry, person) if each.id == visit.words[0]), None)
    if found is None:
        raise RefusalError(Refused(reason=Reason.PATH_UNKNOWN))
    return found


PROVIDER_ROUTES: Final = (
    PageRoute(method="GET", path="/sign-in/with/{}", handler=_sign_in_with, is_open=True),
    PageRoute(method="GET", path="/sign-in/return/{}", handler=_return, is_open=True),
    PageRoute(method="GET", path="/sign-in/done", handler=_done, is_open=True),
    PageRoute(method="GET", path="/step-up/with/{}", handler=_step_up_with),
)
