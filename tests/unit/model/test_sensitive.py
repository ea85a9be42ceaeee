"""What may not be printed is not printed: every careless way to show a secret or PHI shows a constant."""

import copy
import io
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import msgspec
import orjson
import pytest

from wardkeep.model.sensitive import Phi, Secret

CONTENT = "opensesame"
HOLDERS = [Secret(CONTENT), Phi(CONTENT), Secret(CONTENT.encode()), Phi(CONTENT.encode())]
pytestmark = pytest.mark.parametrize("holder", HOLDERS, ids=["secret", "phi", "secret bytes", "phi bytes"])


@dataclass(frozen=True, slots=True)
class Carrier:
    inside: object


def test_no_way_of_printing_shows_it(holder: Secret[str]) -> None:
    shown = [
        str(holder),
        repr(holder),
        ascii(holder),
        f"{holder}",
        f"{holder!r:>40}",
        f"{holder:>40}",
        format(holder, "x"),
        "%s %r" % (holder, holder),  # noqa: UP031 - old formatting is one of the ways
        "{} {!s}".format(holder, holder),  # noqa: UP032 - and so is this
        repr([holder]),
        repr({"k": holder}),
        repr(Carrier(holder)),
        str(ValueError(holder)),
    ]
    assert all(CONTENT not in text and "hidden" in text for text in shown)


def test_a_logger_does_not_show_it(holder: Secret[str]) -> None:
    stream = io.StringIO()
    logger = logging.Logger("sensitive", logging.DEBUG)  # noqa: LOG001 - of its own, so that no other handler hears it
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("%s %r", holder, holder, extra={"held": holder})
    logger.error(holder)
    try:
        raise ValueError(holder)  # noqa: TRY301 - the traceback is the point
    except ValueError:
        logger.exception("failed")
        stream.write(traceback.format_exc())
    assert "hidden" in stream.getvalue()
    assert CONTENT not in stream.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(holder: Secret[str], protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(holder, protocol)


def test_it_is_not_copied_into_json(holder: Secret[str]) -> None:
    with pytest.raises(TypeError):
        json.dumps({"k": holder})
    with pytest.raises(TypeError):
        copy.deepcopy(holder)


def test_a_dump_of_its_attributes_is_empty(holder: Secret[str]) -> None:
    assert vars(holder) == {}
    with pytest.raises(TypeError):
        orjson.dumps(holder, default=None)
    with pytest.raises(TypeError):
        msgspec.json.encode(holder)


def test_reading_it_is_a_deliberate_act(holder: Secret[str]) -> None:
    assert holder.reveal() in (CONTENT, CONTENT.encode())
