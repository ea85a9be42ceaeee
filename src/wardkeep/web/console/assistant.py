"""The assistant: people talk to the organisation's models by the road of applications, and see what the model sees.

It is an application of the registry with the id `assistant`: its live key says which models and purposes there are, its
workspace who may use them, its roles the rest. The person is proven by their session. Nothing here decides: the road
does, and its refusal is shown with what to do. Every turn is a ledger entry.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

from wardkeep.compliance.terms import invalid
from wardkeep.gateway.pipeline import Answer, Pieces, Road, Turned, handle, look
from wardkeep.model.dialects import serves
from wardkeep.model.document import parse
from wardkeep.model.reasons import RefusalError, Refused
from wardkeep.model.registry import ApiKey, Registry, Surface
from wardkeep.model.stages import Call, Routed, SignedIn
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import Permission
from wardkeep.web.console.chats import Chat, Turn
from wardkeep.web.console.marking import hidden_in, marked, restored_marked, tokens_marked
from wardkeep.web.console.shell import may, who
from wardkeep.web.page import Page, PageRoute, Visit

APPLICATION: Final = "assistant"
_MOST_TEXT: Final = 24_000
_MOST_TOKENS: Final = 2048
_HANDLE: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")
_PURPOSES: Final = {
    "TREAT": "Treatment",
    "HPAYMT": "Payment",
    "HOPERAT": "Operations",
    "HRESCH": "Research",
    "ETREAT": "Emergency treatment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What would be sent for a text: marked, beside what the model sees. `routed` is the proof that it may be."""

    routed: Routed
    shown: Markup
    sees: Markup
    sent: str


def key_of(registry: Registry, visit: Visit) -> ApiKey | None:
    """Return the assistant's newest live key, whose models and purposes are its own."""
    application = registry.applications.get(APPLICATION)
    if application is None or not application.is_active:
        return None
    now = visit.app.clock().wall
    live = [
        key
        for key in registry.keys.values()
        if key.application == APPLICATION and not key.is_revoked and (key.expires_at is None or key.expires_at > now)
    ]
    return live[-1] if live else None


# ---- pages -----------------------------------------------------------------------------------------------------------


async def _begin(visit: Visit) -> Page:
    return Page(template="console/assistant.html", values=_opening(visit))


def _opening(visit: Visit, **said: object) -> dict[str, object]:
    person, _ = who(visit)
    key = key_of(visit.registry, visit)
    permitted = {purpose.value for role in person.roles if role in DATA_ROLES for purpose in DATA_ROLES[role].purposes}
    purposes = [
        (each.value, _PURPOSES.get(each.value, each.value))
        for each in sorted(key.purposes if key is not None else (), reverse=True)
        if each.value in permitted
    ]
    workspace = visit.registry.workspaces.get(key.workspace) if key is not None else None
    return {
        "key": key,
        "is_member": workspace is not None and person.id in workspace.members,
        "workspace": "" if workspace is None else workspace.id,
        "may_set_up": may(visit, Permission.APPLICATION_CHANGE),
        "models": sorted(key.models) if key is not None else [],
        "purposes": purposes,
        "chats": visit.app.chats.of(person.id, visit.now_us),
        "form": {"model": "", "purpose": "", "subject": "", "hide": "", "text": ""},
        "refused": None,
        **said,
    }


async def _look(visit: Visit) -> Page:
    """Show what would be sent, before it is; or begin the conversation and send it."""
    person, _ = who(visit)
    form = {name: visit.form.get(name, "").strip() for name in ("model", "purpose", "subject", "hide", "text")}
    key = key_of(visit.registry, visit)
    if form["subject"] and _HANDLE.fullmatch(form["subject"]) is None:
        raise invalid("patient", "a handle of up to 64 letters, digits and _ . : @ - that says nothing of who it is")
    if key is None or not form["text"]:
        return Page(template="console/assistant.html", values=_opening(visit, form=form))
    chat = Chat(
        id=secrets.token_hex(12),
        person=person.id,
        key=key.id,
        model=form["model"],
        purpose=form["purpose"],
        subject=form["subject"] or None,
        hide=tuple(line.strip() for line in form["hide"].replace(",", "\n").splitlines() if line.strip())[:20],
    )
    road = await visit.app.road()
    looked = await _looked(road, visit, chat, form["text"][:_MOST_TEXT])
    if isinstance(looked, Refused):
        return Page(template="console/assistant.html", values=_opening(visit, form=form, refused=looked.explanation),
                    status=looked.explanation.status)  # fmt: skip
    if visit.form.get("deed") == "send":
        visit.app.chats.keep(chat, visit.now_us)
        return await _sent(visit, road, chat, form["text"][:_MOST_TEXT])
    values = {"form": form, "looked": looked, "chat": None, "purpose": _PURPOSES.get(chat.purpose, chat.purpose)}
    return Page(template="console/look.html", values=values)


async def _show(visit: Visit) -> Page:
    chat = _own(visit)
    return Page(to="/assistant") if chat is None else Page(template="console/chat.html", values=_chat(visit, chat))


async def _go_on(visit: Visit) -> Page:
    """Look at, send or end: the next step of one of one's own conversations."""
    person, _ = who(visit)
    chat, text = _own(visit), visit.form.get("text", "").strip()[:_MOST_TEXT]
    if chat is None:
        return Page(to="/assistant")
    if visit.form.get("deed") == "end":
        visit.app.chats.end(chat.id, person.id)
        return Page(to="/assistant")
    if not text or chat.is_full:
        return Page(to=f"/assistant/{chat.id}")
    road = await visit.app.road()
    if visit.form.get("deed") == "send":
        return await _sent(visit, road, chat, text)
    looked = await _looked(road, visit, chat, text)
    if isinstance(looked, Refused):
        values = {**_chat(visit, chat), "refused": looked.explanation, "text": text}
        return Page(template="console/chat.html", values=values, status=looked.explanation.status)
    values = {"form": {"text": text}, "looked": looked, "chat": chat, "purpose": _PURPOSES.get(chat.purpose, "")}
    return Page(template="console/look.html", values=values)


def _chat(visit: Visit, chat: Chat) -> dict[str, Any]:
    return {
        "chat": chat,
        "purpose": _PURPOSES.get(chat.purpose, chat.purpose),
        "is_full": chat.is_full,
        "may_read": may(visit, Permission.LEDGER_READ),
        "refused": None,
        "index": None,
        "text": "",
    }


def _own(visit: Visit) -> Chat | None:
    person, _ = who(visit)
    return visit.app.chats.find(visit.words[0], person.id, visit.now_us)


# ---- the road --------------------------------------------------------------------------------------------------------


async def _looked(road: Road, visit: Visit, chat: Chat, text: str) -> Looked | Refused:
    call = _call(road, visit, chat, text, stream=False)
    if isinstance(call, Refused):
        return call
    routed = await look(road, call)
    if isinstance(routed, Refused):
        return routed
    sent = _last_text(routed.safe.body.document.replaced(routed.safe.body.changes))
    spans = await asyncio.to_thread(road.detector.find, text)
    return Looked(
        routed=routed,
        shown=marked(text, hidden_in(text, sent, routed.safe.restore), spans),
        sees=tokens_marked(sent),
        sent=sent,
    )


def _call(road: Road, visit: Visit, chat: Chat, text: str, *, stream: bool) -> Call | Refused:
    """Return the call that this person makes: the conversation so far in the originals, and the new text."""
    person, session = who(visit)
    received = visit.app.clock()
    surface = _surface(visit.registry, chat.model)
    messages = [{"role": turn.role, "content": turn.text} for turn in chat.turns]
    body: dict[str, object] = {"model": chat.model, "messages": [*messages, {"role": "user", "content": text}]}
    if surface is Surface.ANTHROPIC_MESSAGES:
        body["max_tokens"] = _MOST_TOKENS
    if stream:
        body["stream"] = True
    if chat.hide:
        body["wardkeep"] = {"subject_identities": list(chat.hide)}
    try:
        document = parse(msgspec.json.encode(body))
    except RefusalError as error:
        return error.refused
    return Call(
        id=road.recorder.id_at(received),
        surface=surface,
        document=document,
        credential=None,
        received=received,
        purpose=chat.purpose or None,
        subject=chat.subject or "unknown",
        conversation=f"console-{chat.id}",
        person=person.id,
        signed_in=SignedIn(
            key=chat.key, person=person.id, factor_at=datetime.fromtimestamp(session.factor_us / 1e6, UTC)
        ),
    )


def _surface(registry: Registry, model: str) -> Surface:
    """Return the wire format that the model's first deployment speaks."""
    route = registry.routes.get(model)
    deployment = registry.deployments.get(route.deployment) if route is not None else None
    if deployment is None or serves(deployment.dialect, Surface.OPENAI_CHAT):
        return Surface.OPENAI_CHAT
    return Surface.ANTHROPIC_MESSAGES


def _last_text(body: bytes) -> str:
    message = msgspec.json.decode(body)["messages"][-1]["content"]
    return message if isinstance(message, str) else ""


async def _sent(visit: Visit, road: Road, chat: Chat, text: str) -> Page:
    """Send, whole: what works without a script."""
    looked = await _looked(road, visit, chat, text)
    call = _call(road, visit, chat, text, stream=False)
    result: Answer | Turned | Refused = call if isinstance(call, Refused) else await handle(road, call)
    if isinstance(looked, Refused) or not isinstance(result, Answer):
        refused = looked if isinstance(looked, Refused) else result
        told = refused.refused if isinstance(refused, Turned) else refused
        index = refused.index if isinstance(refused, Turned) else None
        values = {**_chat(visit, chat), "refused": told.explanation if isinstance(told, Refused) else None,
                  "index": index, "text": text}  # fmt: skip
        return Page(template="console/chat.html", values=values, status=502)
    body = result.body if isinstance(result.body, bytes) else b"".join([piece async for piece in result.body])
    _keep(visit, chat, looked, text=text, answer=_answer_text(body), index=_index(result))
    return Page(to=f"/assistant/{chat.id}")


def _keep(visit: Visit, chat: Chat, looked: Looked, *, text: str, answer: str, index: int | None) -> None:
    shown = restored_marked(answer, looked.routed.safe.restore) if answer else escape("")
    chat.turns.append(Turn(role="user", text=text, shown=looked.shown, sent=looked.sent, index=index))
    chat.turns.append(Turn(role="assistant", text=answer, shown=shown, index=index))
    visit.app.chats.keep(chat, visit.now_us)


async def _stream(visit: Visit) -> Page:
    """Send, streamed: the same as `_sent` for a browser with a script. Each piece was durable before it came here."""
    chat, text = _own(visit), visit.form.get("text", "").strip()[:_MOST_TEXT]
    if chat is None or chat.is_full or not text:
        return Page(to="/assistant")
    return Page(stream=_pieces(visit, await visit.app.road(), chat, text))


async def _pieces(visit: Visit, road: Road, chat: Chat, text: str) -> AsyncGenerator[bytes, None]:
    looked = await _looked(road, visit, chat, text)
    call = _call(road, visit, chat, text, stream=True)
    result: Answer | Turned | Refused = call if isinstance(call, Refused) else await handle(road, call)
    if isinstance(looked, Refused) or not isinstance(result, Answer):
        refused = looked if isinstance(looked, Refused) else result
        told = refused.refused if isinstance(refused, Turned) else refused
        if isinstance(told, Refused):
            explained = told.explanation
            yield _event({"refused": f"{explained.what} {explained.why} {explained.fix}"})
        return
    said: list[str] = []
    pieces = result.body
    if isinstance(pieces, bytes):
        said.append(_answer_text(pieces) if not pieces.startswith((b"data:", b"event:")) else "".join(_deltas(pieces)))
        yield _event({"text": said[-1]})
    else:
        try:
            async for piece in pieces:
                for delta in _deltas(piece):
                    said.append(delta)
                    yield _event({"text": delta})
        except RefusalError as error:
            yield _event({"refused": error.refused.explanation.what})
            return
        finally:
            await _closed(pieces)
    _keep(visit, chat, looked, text=text, answer="".join(said), index=_index(result))
    yield _event({"to": f"/assistant/{chat.id}"})


async def _closed(pieces: Pieces) -> None:
    await pieces.aclose()


def _event(value: dict[str, str]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _deltas(piece: bytes) -> list[str]:
    """Return the words in a released piece: whole events of either wire format."""
    words: list[str] = []
    for line in piece.split(b"\n"):
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        try:
            event = msgspec.json.decode(line[6:])
        except msgspec.DecodeError:
            continue
        words += [choice.get("delta", {}).get("content") or "" for choice in event.get("choices", ())]
        if event.get("type") == "content_block_delta":
            words.append(event.get("delta", {}).get("text", ""))
    return [each for each in words if each]


def _answer_text(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    if "choices" in told:
        return str(told["choices"][0]["message"].get("content") or "")
    return "".join(str(block.get("text", "")) for block in told.get("content", ()) if isinstance(block, dict))


def _index(answer: Answer) -> int | None:
    return next((int(value) for name, value in answer.headers if name == b"wardkeep-ledger-index"), None)


ASSISTANT_ROUTES: Final = (
    PageRoute(method="GET", path="/assistant", handler=_begin, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/assistant", handler=_look, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="GET", path="/assistant/{}", handler=_show, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/assistant/{}", handler=_go_on, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/assistant/{}/stream", handler=_stream, permission=Permission.OWN_ACCOUNT),
)
