"""Google Vertex AI: whether Gemini's cache is off for the project, whether requests and responses are logged.

`projects/P/cacheConfig` (disableCache) and `publishers/G/models/M:fetchPublisherModelConfig` (loggingConfig.enabled),
with the deployment's own service account. Nothing there tells of the exception from abuse monitoring.
"""

from typing import Final
from urllib.parse import quote, urlsplit

from wardkeep.model.inspection import OFF, ON, Aspect, Said
from wardkeep.model.reasons import RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers, mark_of, unlearned, words_of
from wardkeep.providers.vertex import assertion_body

_FORM: Final = "application/x-www-form-urlencoded"


def inspect(asker: Asker) -> list[Said]:
    """Return what the project and the model at it are set to."""
    granted = _token(asker)
    if isinstance(granted, Answer):
        return [unlearned(each, f"no token: {granted.failed}") for each in (Aspect.LOGGING, Aspect.CACHE)]
    headers: Headers = (("authorization", granted),)
    base = asker.base(asker.deployment.base_url)
    publisher, _, model = asker.deployment.model.rpartition("/")
    is_gemini = asker.deployment.dialect == "vertex-openai"
    maker = publisher or ("google" if is_gemini else "anthropic")
    path = f"/publishers/{quote(maker, safe='')}/models/{quote(model, safe='@')}:fetchPublisherModelConfig"
    said = [_logging(asker.get(base + path, headers))]
    if is_gemini:
        said.append(_cache(asker.get(f"{_project(base)}/cacheConfig", headers)))
    return said


def _project(base: str) -> str:
    """Return the address of the project: that of the location without it."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}{parts.path.partition('/locations/')[0]}"


def _logging(answer: Answer) -> Said:
    if not answer.is_good:
        return unlearned(Aspect.LOGGING, answer.failed or "nothing")
    held = answer.body.get("loggingConfig", {})
    if not isinstance(held, dict) or not isinstance(held.get("enabled", False), bool):
        return unlearned(Aspect.LOGGING, "loggingConfig is not readable")
    if not held.get("enabled", False):
        return Said(aspect=Aspect.LOGGING, means=OFF, words="loggingConfig: off")
    table = held.get("bigqueryDestination")
    place = table.get("outputUri", "an unnamed table") if isinstance(table, dict) else "an unnamed table"
    # The same log into another dataset is another finding; the mark stands before what may be cut.
    return Said(aspect=Aspect.LOGGING, means=ON, words=words_of(f"loggingConfig: on {mark_of(held)} to {place}"))


def _cache(answer: Answer) -> Said:
    """Return whether the project caches; it does unless it says that it does not."""
    if not answer.is_good:
        return unlearned(Aspect.CACHE, answer.failed or "nothing")
    is_off = answer.body.get("disableCache") is True
    return Said(aspect=Aspect.CACHE, means=OFF if is_off else ON, words=words_of(f"disableCache: {is_off}".lower()))


def _token(asker: Asker) -> Secret[str] | Answer:
    url = asker.deployment.token_url
    if asker.credential is None or url is None:
        return Answer(failed="no service account on record")
    try:
        body = assertion_body(asker.credential, url, asker.clock())
    except RefusalError:
        return Answer(failed="the credential is no service account")
    answer = asker.ask("POST", url, (("content-type", _FORM),), body)
    token = answer.body.get("access_token")
    if not answer.is_good or not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return Answer(failed=answer.failed or "the answer has no token")
    return Secret(f"Bearer {token}")
