"""What goes with a record wherever it is read: what was asked to have amended, and the notice of 42 CFR 2.32."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

from markupsafe import Markup

from wardkeep.compliance.reading import Content
from wardkeep.gateway.pipeline import Answer
from wardkeep.model.individuals import Disagreement, Ground
from wardkeep.model.part2 import NOTICE
from wardkeep.model.registers import Outcome, RightsRequest
from wardkeep.model.registry import Registry
from wardkeep.web.console.assistant import notice_of
from wardkeep.web.console.chats import Turn
from wardkeep.web.console.ledger import opened_of
from wardkeep.web.page import templates

DAY = date(2027, 2, 1)
ASKED = RightsRequest(
    id="q-1", right="amendment", subject="ab" * 16, received_on=DAY, taken_by="nia", entries=(5,), answered_on=DAY,
    outcome=Outcome.DENIED, ground=Ground.ACCURATE_AND_COMPLETE, answer_words="see ledger entry 40",
    disagreement=Disagreement(on=DAY, words="see ledger entry 41"),
)  # fmt: skip
HEADER = b'{"id":"00","type":"request","index":5,"at":"2027-02-01T00:00:00Z"}'


def body_of(page, **values):
    template = templates().get_template(page)
    return "".join(template.blocks["body"](template.new_context(values)))


def entry_page(index, notice):
    shown = Content(header=HEADER, content="what was asked", read_index=9, notice=notice)
    registry = replace(Registry(epoch=0), rights={"q-1": ASKED})
    at = SimpleNamespace(iso="", utc="", shown="")
    return body_of(
        "console/entry.html", opened=opened_of(registry, index, shown), opened_as=9, index=index, previous=None,
        next=None, entry=SimpleNamespace(type="request", actor="", decision="", purpose="", route="", surface=""),
        says="", at=at, is_call=False, detail=[], why=None, proof=None, leaf_hash="", payload_bytes=None, raw="",
        may_open=False, read=9,
    )  # fmt: skip


def test_whoever_opens_an_entry_on_the_console_is_shown_what_was_asked_about_it():
    text = entry_page(5, None)
    for part in ("q-1", "denied", "see ledger entry 40", "see ledger entry 41"):
        assert part in text
    assert "q-1" not in entry_page(6, None)


def test_the_notice_stands_beside_an_entry_that_is_opened():
    assert NOTICE in entry_page(5, NOTICE)
    assert NOTICE not in entry_page(5, None)


def test_the_notice_stands_under_an_answer_of_the_assistant():
    headers = [(b"wardkeep-notice", NOTICE.encode())]
    answer = Answer(status=200, headers=headers, body=b"{}")
    bare = replace(answer, headers=[])
    assert (notice_of(answer), notice_of(bare)) == (NOTICE, None)
    for told in (answer, bare):
        turn = Turn(role="assistant", text="t", shown=Markup("t"), index=7, notice=notice_of(told))
        chat = SimpleNamespace(id="1", model="m", subject="", turns=[turn])
        text = body_of(
            "console/chat.html", chat=chat, purpose="TREAT", may_read=True, refused=None, index=None, is_full=True,
            text="", reads_files=False,
        )  # fmt: skip
        assert (NOTICE in text) == (told is answer)
