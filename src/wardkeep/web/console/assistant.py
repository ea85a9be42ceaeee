"""The assistant: people talk to the organisation's models by the road of applications, and see what the model sees.

It is an application of the registry with the id `assistant`: its live key says which models and purposes there are, its
workspace who may use them, its roles the rest. The person is proven by their session. Nothing here decides: the road
does, and its refusal is shown with what to do. Every turn is a ledger entry.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.terms import invalid
from wardkeep.gateway.pipeline import Answer, Pieces, Road, Turned, handle, look
from wardkeep.model.dialects import serves
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import ApiKey, Registry, Surface
from wardkeep.model.stages import Call, Routed, SignedIn
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import Permission
from wardkeep.web.console.attached import HeldFile, content_of, texts_of
from wardkeep.web.console.chats import MOST_TEXT, Chat, Turn
from wardkeep.web.console.marking import hidden_in, hidden_words, marked, restored_marked, tokens_marked
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
    file: "LookedFile | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedFile:
    """What was read from a file, marked, beside what the model sees of it."""

    name: str = field(repr=False)
    read: str = field(repr=False)
    shown: Markup = field(repr=False)
    sees: Markup = field(repr=False)


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
        "reads_files": _reads_files(visit.registry, key.models if key is not None else ()),
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
    file = _file(visit)
    key = key_of(visit.registry, visit)
    if form["subject"] and _HANDLE.fullmatch(form["subject"]) is None:
        raise invalid("patient", "a handle of up to 64 letters, digits and _ . : @ - that says nothing of who it is")
    if key is None or not form["text"] or isinstance(file, NotAllowed):
        gone = file if isinstance(file, NotAllowed) else None
        return Page(template="console/assistant.html", values=_opening(visit, form=form, refused=gone))
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
    looked = await _looked(road, visit, chat, form["text"][:_MOST_TEXT], file)
    if isinstance(looked, Refused):
        return Page(template="console/assistant.html", values=_opening(visit, form=form, refused=looked.explanation),
                    status=looked.explanation.status)  # fmt: skip
    if _is_sent(visit):
        visit.app.chats.keep(chat, visit.now_us)
        return await _sent(visit, road, chat, form["text"][:_MOST_TEXT], file)
    values = {"form": form, "looked": looked, "chat": None, "purpose": _PURPOSES.get(chat.purpose, chat.purpose),
              "held": "" if file is None else file.id, "hidden": hidden_words(looked.routed.safe.hidden)}  # fmt: skip
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
    file = _file(visit)
    if isinstance(file, NotAllowed):
        return Page(template="console/chat.html", values={**_chat(visit, chat), "refused": file, "text": text})
    road = await visit.app.road()
    if _is_sent(visit):
        return await _sent(visit, road, chat, text, file)
    looked = await _looked(road, visit, chat, text, file)
    if isinstance(looked, Refused):
        values = {**_chat(visit, chat, file), "refused": looked.explanation, "text": text}
        return Page(template="console/chat.html", values=values, status=looked.explanation.status)
    values = {"form": {"text": text}, "looked": looked, "chat": chat, "purpose": _PURPOSES.get(chat.purpose, ""),
              "held": "" if file is None else file.id, "hidden": hidden_words(looked.routed.safe.hidden)}  # fmt: skip
    return Page(template="console/look.html", values=values)


def _chat(visit: Visit, chat: Chat, file: HeldFile | None = None) -> dict[str, Any]:
    """Return what the page of a conversation shows; `file` goes along with what is sent next, and the page says so."""
    return {
        "chat": chat,
        "purpose": _PURPOSES.get(chat.purpose, chat.purpose),
        "is_full": chat.is_full,
        "reads_files": _reads_files(visit.registry, (chat.model,)),
        "may_read": may(visit, Permission.LEDGER_READ),
        "refused": None,
        "index": None,
        "text": "",
        "file": file,
    }


def _own(visit: Visit) -> Chat | None:
    person, _ = who(visit)
    return visit.app.chats.find(visit.words[0], person.id, visit.now_us)


def _is_sent(visit: Visit) -> bool:
    """Whether this is to be sent: a file that only just came is always looked at first."""
    return visit.form.get("deed") == "send" and visit.upload is None


def _file(visit: Visit) -> HeldFile | NotAllowed | None:
    """Return the file that goes along: a new one, or the one that was looked at, which must still be here."""
    person, _ = who(visit)
    if visit.upload is not None:
        return visit.app.files.hold(secrets.token_hex(12), person.id, visit.upload, visit.now_us)
    identifier = visit.form.get("held", "")
    if not identifier:
        return None
    return visit.app.files.find(identifier, person.id, visit.now_us) or NotAllowed(
        "file_gone",
        what="The file is no longer here, so nothing was sent.",
        why="A file is kept in memory for a quarter of an hour, and for one question at a time.",
        fix="Add the file again.",
        status=409,
    )


def _reads_files(registry: Registry, models: Iterable[str]) -> bool:
    return any((route := registry.routes.get(each)) is not None and route.reads_files for each in models)


# ---- the road --------------------------------------------------------------------------------------------------------


async def _looked(road: Road, visit: Visit, chat: Chat, text: str, file: HeldFile | None) -> Looked | Refused:
    call = _call(road, visit, chat, text, file, stream=False)
    if isinstance(call, Refused):
        return call
    routed = await look(road, call)
    if isinstance(routed, Refused):
        return routed
    body = routed.safe.body
    read, _ = texts_of(_last_content(body.document.raw))
    file_sent, sent = texts_of(_last_content(body.document.replaced(body.changes)))
    looked_file = None
    if file is not None and read is not None and file_sent is not None:
        if len(read) > MOST_TEXT:
            return Refused(reason=Reason.FILE_NOT_READ, field="too_large")
        shown = await _marked(road, read, file_sent, routed)
        looked_file = LookedFile(name=file.upload.name, read=read, shown=shown, sees=tokens_marked(file_sent))
    return Looked(
        routed=routed,
        shown=await _marked(road, text, sent, routed),
        sees=tokens_marked(sent),
        sent=sent,
        file=looked_file,
    )


async def _marked(road: Road, text: str, sent: str, routed: Routed) -> Markup:
    spans = await asyncio.to_thread(road.detector.find, text)
    return marked(text, hidden_in(text, sent, routed.safe.restore), spans)


def _call(road: Road, visit: Visit, chat: Chat, text: str, file: HeldFile | None, *, stream: bool) -> Call | Refused:
    """Return the call that this person makes: the conversation so far in the originals, and the new text."""
    person, session = who(visit)
    received = visit.app.clock()
    surface = _surface(visit.registry, chat.model)
    messages = [{"role": turn.role, "content": content_of(surface, turn.text, read=turn.read)} for turn in chat.turns]
    asked = content_of(surface, text, file=None if file is None else file.upload.body)
    body: dict[str, object] = {"model": chat.model, "messages": [*messages, {"role": "user", "content": asked}]}
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


def _last_content(body: bytes) -> object:
    return msgspec.json.decode(body)["messages"][-1]["content"]


async def _sent(visit: Visit, road: Road, chat: Chat, text: str, file: HeldFile | None) -> Page:
    """Send, whole: what works without a script."""
    looked = await _looked(road, visit, chat, text, file)
    result = await _answered(road, looked, _call(road, visit, chat, text, file, stream=False))
    if isinstance(looked, Refused) or not isinstance(result, Answer):
        told = result.refused if isinstance(result, Turned) else result
        index = result.index if isinstance(result, Turned) else None
        values = {**_chat(visit, chat, file), "refused": told.explanation if isinstance(told, Refused) else None,
                  "index": index, "text": text}  # fmt: skip
        return Page(template="console/chat.html", values=values, status=502)
    body = result.body if isinstance(result.body, bytes) else b"".join([piece async for piece in result.body])
    _keep(visit, chat, looked, result, text=text, answer=_answer_text(body))
    return Page(to=f"/assistant/{chat.id}")


async def _answered(road: Road, looked: Looked | Refused, call: Call | Refused) -> Answer | Turned | Refused:
    """Return what the road answers. What was refused when it was looked at goes nowhere: nothing is sent behind it."""
    if isinstance(looked, Refused):
        return looked
    return call if isinstance(call, Refused) else await handle(road, call)


def _keep(visit: Visit, chat: Chat, looked: Looked, result: Answer, *, text: str, answer: str) -> None:
    shown = restored_marked(answer, looked.routed.safe.restore) if answer else escape("")
    file, index = looked.file, _index(result)
    chat.turns.append(
        Turn(
            role="user",
            text=text,
            shown=looked.shown,
            sent=looked.sent,
            index=index,
            file=None if file is None else file.name,
            read=None if file is None else file.read,
            file_sees=None if file is None else file.sees,
        )
    )
    visit.app.files.forget(chat.person)
    chat.turns.append(Turn(role="assistant", text=answer, shown=shown, index=index, notice=notice_of(result)))
    visit.app.chats.keep(chat, visit.now_us)


async def _stream(visit: Visit) -> Page:
    """Send, streamed: the same as `_sent` for a browser with a script. Each piece was durable before it came here."""
    chat, text = _own(visit), visit.form.get("text", "").strip()[:_MOST_TEXT]
    file = _file(visit)
    if chat is None or chat.is_full or not text:
        return Page(to="/assistant")
    if isinstance(file, NotAllowed):
        return Page(stream=_only(_event({"refused": f"{file.what} {file.why} {file.fix}"})))
    return Page(stream=_pieces(visit, await visit.app.road(), chat, text, file))


async def _only(event: bytes) -> AsyncGenerator[bytes, None]:
    yield event


async def _pieces(
    visit: Visit, road: Road, chat: Chat, text: str, file: HeldFile | None
) -> AsyncGenerator[bytes, None]:
    looked = await _looked(road, visit, chat, text, file)
    result = await _answered(road, looked, _call(road, visit, chat, text, file, stream=True))
    if isinstance(looked, Refused) or not isinstance(result, Answer):
        told = result.refused if isinstance(result, Turned) else result
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
    _keep(visit, chat, looked, result, text=text, answer="".join(said))
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


def notice_of(answer: Answer) -> str | None:
    """Return the statement that goes with an answer of substance use disorder records (42 CFR 2.32(a)), or None."""
    return next((value.decode() for name, value in answer.headers if name == b"wardkeep-notice"), None)


ASSISTANT_ROUTES: Final = (
    PageRoute(method="GET", path="/assistant", handler=_begin, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/assistant", handler=_look, permission=Permission.OWN_ACCOUNT, takes_file=True),
    PageRoute(method="GET", path="/assistant/{}", handler=_show, permission=Permission.OWN_ACCOUNT),
    PageRoute(method="POST", path="/assistant/{}", handler=_go_on, permission=Permission.OWN_ACCOUNT, takes_file=True),
    PageRoute(method="POST", path="/assistant/{}/stream", handler=_stream, permission=Permission.OWN_ACCOUNT),
)
