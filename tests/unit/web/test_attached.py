"""Files of the assistant between looking and sending: one a person, nobody else's, and gone in time."""

from wardkeep.model.registry import Surface
from wardkeep.web.console.attached import MOST_HELD, HeldFiles, content_of, texts_of
from wardkeep.web.multipart import Upload

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
