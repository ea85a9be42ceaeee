"""Files of the assistant between looking and sending: one a person, nobody else's, and gone in time."""

import asyncio
import os
from types import SimpleNamespace
from typing import Any, cast

from tests.unit.compliance.organisation import person, registry

from wardkeep.app.forgetting import keep_forgetting
from wardkeep.identity.sessions import Sessions
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Role, Surface
from wardkeep.storage.sessions_sqlite import SessionsFile
from wardkeep.web.console.assistant import _answered
from wardkeep.web.console.attached import MOST_HELD, HeldFiles, content_of, texts_of
from wardkeep.web.console.chats import Chat, Chats
from wardkeep.web.multipart import Upload
from wardkeep.web.pages import PagesFace

UPLOAD = Upload(name="letter", body=b"words")
MINUTE_US = 60 * 1_000_000


def test_one_a_person_and_nobody_elses():
    files = HeldFiles()
    files.hold("a", "ann", UPLOAD, 0)
    assert files.find("a", "ann", MINUTE_US).upload is UPLOAD
    assert files.find("a", "bob", MINUTE_US) is None
    files.hold("b", "ann", UPLOAD, MINUTE_US)
    assert files.find("a", "ann", MINUTE_US) is None
    assert files.find("b", "ann", 20 * MINUTE_US) is None
    assert files.find("b", "ann", MINUTE_US) is None  # forgotten, not only hidden


def test_what_is_over_is_forgotten_whoever_comes():
    files = HeldFiles()
    files.hold("a", "ann", UPLOAD, 0)
    files.hold("b", "bob", UPLOAD, 20 * MINUTE_US)
    assert "ann" not in files._held, "ann did not come back"
    files.find("x", "nobody", 50 * MINUTE_US)
    assert not files._held


async def test_what_was_given_is_forgotten_by_the_clock_alone():
    files, stopping = HeldFiles(), asyncio.Event()
    files.hold("a", "ann", UPLOAD, 0)
    seen: list[int] = []

    def forget() -> None:
        seen.append(len(seen))
        files.expire(len(seen) * 8 * MINUTE_US)
        if len(seen) == 2:
            stopping.set()

    await keep_forgetting(forget, stopping=stopping, every_seconds=0.001)
    assert (seen, files.people()) == ([0, 1], frozenset())


def chat(person: str) -> Chat:
    return Chat(id=f"of-{person}", person=person, key="k", model="m", purpose="TREAT", subject=None, hide=())


async def test_what_was_given_goes_with_its_person_however_their_sessions_ended(tmp_path):
    sessions = Sessions(SessionsFile(tmp_path / "s.db"), b"k" * 32, os.urandom)
    files, chats = HeldFiles(), Chats()
    for name in ("ann", "bob", "cy"):
        await sessions.begin(name, "passkey", "browser", 0)
        files.hold("f", name, UPLOAD, 0)
        chats.keep(chat(name), 0)
    people = {name: person(name, Role.CLINICIAN, active=name != "cy") for name in ("ann", "bob", "cy")}
    face = SimpleNamespace(
        clock=lambda: SimpleNamespace(wall_us=MINUTE_US),
        control=SimpleNamespace(registry=registry(people=people)),
        sessions=sessions,
        files=files,
        chats=chats,
    )
    await sessions.end_all("ann")  # by an officer or a directory; cy left
    PagesFace.forget_gone(cast("PagesFace", face))
    assert files.people() == chats.people() == {"bob"}
    sessions.close()


async def test_what_was_refused_when_it_was_looked_at_is_not_sent_behind_the_refusal():
    refused = Refused(reason=Reason.FILE_NOT_READ, field="too_large")
    nowhere = cast("Any", None)  # neither a road nor a call: using them would raise
    assert await _answered(nowhere, refused, nowhere) is refused


def test_the_oldest_goes_when_there_are_too_many():
    files = HeldFiles()
    for number in range(MOST_HELD + 1):
        files.hold("f", f"person-{number}", UPLOAD, 0)
    assert files.find("f", "person-0", 0) is None
    assert files.find("f", f"person-{MOST_HELD}", 0) is not None


def test_what_is_put_into_a_message_is_found_again():
    for surface in (Surface.OPENAI_CHAT, Surface.ANTHROPIC_MESSAGES):
        assert texts_of(content_of(surface, "asked")) == (None, "asked")
        assert texts_of(content_of(surface, "asked", read="[Attached] x")) == ("[Attached] x", "asked")
    document = {"type": "document", "source": {"type": "text", "data": "read"}}
    assert texts_of([document, {"type": "text", "text": "asked"}]) == ("read", "asked")
