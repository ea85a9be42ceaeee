"""Azure OpenAI by Azure Resource Manager: where the account is, how the model is deployed, whether content is logged.

Microsoft.CognitiveServices accounts and deployments, api-version 2024-10-01. `ContentLogging` is listed as `false`
where abuse monitoring stores nothing, and is absent where it stores (Microsoft: "Data, privacy, and security for Azure
OpenAI"). The credential is a service principal that may read the account: `{"tenant_id", "client_id",
"client_secret"}`.
"""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from wardkeep.model.inspection import KEPT, ZERO, Aspect, Said
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers, read_answer, unlearned, words_of

USUAL: Final = "https://management.azure.com"
USUAL_TOKEN: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105 - an address
NEEDED: Final = ("subscription", "resource_group", "resource")
_VERSION: Final = "2024-10-01"
_ASPECTS: Final = (Aspect.STORAGE, Aspect.RETENTION, Aspect.DEPLOYMENT_TYPE)


class _Principal(msgspec.Struct, frozen=True):
    tenant_id: str
    client_id: str
    client_secret: str


def inspect(asker: Asker) -> list[Said]:
    """Return what the account and the deployment at it say."""
    if not all(asker.named(each) for each in NEEDED) or asker.credential is None:
        return [unlearned(each, f"not on record: a service principal, {', '.join(NEEDED)}") for each in _ASPECTS]
    granted = _token(asker)
    if isinstance(granted, Answer):
        return [unlearned(each, f"no token: {granted.failed}") for each in _ASPECTS]
    base = asker.base(USUAL)
    subscription, group, resource = (quote(asker.named(each), safe="") for each in NEEDED)
    account = (
        f"{base}/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.CognitiveServices/accounts/{resource}"
    )
    headers: Headers = (("authorization", granted),)
    told = asker.get(f"{account}?api-version={_VERSION}", headers)
    name = quote(asker.deployment.model, safe="")
    deployed = asker.get(f"{account}/deployments/{name}?api-version={_VERSION}", headers)
    return [_location(told), _content_logging(told), _kind(deployed)]


def _location(answer: Answer) -> Said:
    location = answer.body.get("location")
    if not answer.is_good or not isinstance(location, str):
        return unlearned(Aspect.STORAGE, answer.failed or "location is not told")
    name = location.strip().lower().replace(" ", "")
    return Said(aspect=Aspect.STORAGE, means=name, words=words_of(location))


def _content_logging(answer: Answer) -> Said:
    properties = answer.body.get("properties")
    listed = properties.get("capabilities") if isinstance(properties, dict) else None
    if not answer.is_good or not isinstance(listed, list):
        return unlearned(Aspect.RETENTION, answer.failed or "capabilities are not told")
    # A name may be anything, and what cannot be a key would end the whole check.
    held = {
        name: each.get("value")
        for each in listed
        if isinstance(each, dict) and isinstance(name := each.get("name"), str)
    }
    value = held.get("ContentLogging")
    if value is None:
        return Said(aspect=Aspect.RETENTION, means=KEPT, words="ContentLogging is not listed as false")
    is_off = value is False or str(value).lower() == "false"
    return Said(aspect=Aspect.RETENTION, means=ZERO if is_off else KEPT, words=words_of(f"ContentLogging: {value}"))


def _kind(answer: Answer) -> Said:
    sku = answer.body.get("sku")
    name = sku.get("name") if isinstance(sku, dict) else None
    if not answer.is_good or not isinstance(name, str):
        return unlearned(Aspect.DEPLOYMENT_TYPE, answer.failed or "sku is not told")
    return Said(aspect=Aspect.DEPLOYMENT_TYPE, means=name, words=words_of(f"sku: {name}"))


def _token(asker: Asker) -> Secret[str] | Answer:
    """Return the Authorization value (OAuth 2.0 client credentials, RFC 6749 section 4.4), or why there is none."""
    assert asker.credential is not None
    try:
        principal = msgspec.json.decode(asker.credential.reveal(), type=_Principal)
    except msgspec.DecodeError:
        return Answer(failed="the credential is no service principal")
    form = {
        "grant_type": "client_credentials",
        "client_id": principal.client_id,
        "client_secret": principal.client_secret,
        "scope": f"{USUAL}/.default",
    }
    url = asker.inspection.token_url or USUAL_TOKEN.replace("{tenant}", quote(principal.tenant_id, safe=""))
    headers: Headers = (("content-type", "application/x-www-form-urlencoded"),)
    answer = asker.ask("POST", url, headers, urlencode(form).encode())
    token = answer.body.get("access_token")
    if not answer.is_good or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return answer if answer.failed else read_answer(0, b"")
    return Secret(f"Bearer {token}")
