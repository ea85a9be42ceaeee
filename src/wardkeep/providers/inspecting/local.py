"""Servers of the organisation's own: whether they show prompts to whoever asks, or hand calls on to somebody else.

llama.cpp tells by `/props` whether `/slots` is open, which shows the prompts being worked on. Ollama tells by
`/api/show` that a model is one of its cloud's (`remote_host`). vLLM tells its version only; `/server_info` answers
where its development mode is on. None of them tells whether it logs requests: see how it is started.
"""

from urllib.parse import urlsplit

import orjson

from wardkeep.model.inspection import OFF, ON, Aspect, Said
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers, unlearned, words_of

_UNTOLD = "the server does not tell whether it logs requests: see how it is started"


def inspect(asker: Asker) -> list[Said]:
    """Return what the server says of itself."""
    parts = urlsplit(asker.deployment.base_url)
    base = asker.base(f"{parts.scheme}://{parts.netloc}")
    headers: Headers = () if asker.credential is None else (("authorization", _bearer(asker.credential)),)
    props = asker.get(f"{base}/props", headers)
    if props.is_good and "default_generation_settings" in props.body:
        told = props.body.get("endpoint_slots")
        # Where it is open, the answer of `/slots` is people's prompts: it is asked only where nothing else tells.
        is_open = told if isinstance(told, bool) else None
        slots = _slots(asker.get(f"{base}/slots", headers)) if is_open is None else _shown(is_open=is_open)
        return [slots, unlearned(Aspect.LOGGING, _UNTOLD)]
    asked = orjson.dumps({"model": asker.deployment.model})
    shown = asker.ask("POST", f"{base}/api/show", (*headers, ("content-type", "application/json")), asked)
    if shown.is_good and ("details" in shown.body or "model_info" in shown.body):
        return [_forwarding(shown), unlearned(Aspect.LOGGING, _UNTOLD)]
    version = asker.get(f"{base}/version", headers)
    if version.is_good and isinstance(version.body.get("version"), str):
        return [_development(asker.get(f"{base}/server_info", headers)), unlearned(Aspect.LOGGING, _UNTOLD)]
    return [unlearned(Aspect.LOGGING, "the server is none that is known: llama.cpp, Ollama or vLLM")]


def _shown(*, is_open: bool) -> Said:
    words = f"llama.cpp: /slots is {'open' if is_open else 'closed'}"
    return Said(aspect=Aspect.PROMPTS_SHOWN, means=ON if is_open else OFF, words=words)


def _slots(slots: Answer) -> Said:
    """Return whether prompts are shown. A list is what `/slots` answers with where it is open."""
    if slots.status in {200, 403, 404, 501}:
        return _shown(is_open=slots.status == 200)
    return unlearned(Aspect.PROMPTS_SHOWN, slots.failed or "nothing")


def _forwarding(shown: Answer) -> Said:
    host = shown.body.get("remote_host") or shown.body.get("remote_model")
    if host:
        return Said(aspect=Aspect.FORWARDING, means=ON, words=words_of(f"Ollama: {host}"))
    return Said(aspect=Aspect.FORWARDING, means=OFF, words="Ollama: the model is here")


def _development(info: Answer) -> Said:
    if info.status == 200:
        return Said(aspect=Aspect.PROMPTS_SHOWN, means=ON, words="vLLM: development mode is on")
    if info.status in {401, 403, 404}:
        return Said(aspect=Aspect.PROMPTS_SHOWN, means=OFF, words="vLLM: development mode is off")
    return unlearned(Aspect.PROMPTS_SHOWN, info.failed or "nothing")


def _bearer(credential: Secret[str]) -> Secret[str]:
    return Secret(f"Bearer {credential.reveal()}")
