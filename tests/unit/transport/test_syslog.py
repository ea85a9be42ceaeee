"""Deliveries to a real TLS receiver: only what it has read to the end and answered counts as taken."""

import re
from datetime import UTC, datetime

import pytest
from tests.simulators.syslog_process import Receiver, receiving

from wardkeep.transport.errors import SinkFailed
from wardkeep.transport.syslog import SyslogReceiver, deliver, syslog_message

AT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


def frame(number, size=10):
    return syslog_message(at=AT, host="wardkeep/t", kind="jsonl", content=b"%d" % number + b"x" * size)


def where(receiver, **fields):
    return SyslogReceiver(
        host="127.0.0.1", port=receiver.port, **({"authority": receiver.authority.certificate} | fields)
    )


def test_a_message_is_framed_by_its_octets_and_has_the_grammar_s_parts():
    message = syslog_message(at=AT, host="a log\nname", kind="k" * 40, content="höchst".encode())
    length, _, rest = message.partition(b" ")
    assert int(length) == len(rest)
    head = re.fullmatch(r"<(\d+)>1 (\S+) (\S+) wardkeep - (\S+) - höchst", rest.decode())
    assert head.groups() == ("109", "2026-11-23T07:30:00+00:00", "a_log_name", "k" * 32)


def test_all_arrive_in_order_however_many(tmp_path):
    with receiving(tmp_path) as receiver:
        deliver(where(receiver), [frame(number, 700) for number in range(2000)])
        deliver(where(receiver), [frame(2000)])
        assert [int(re.match(r"\d+", each).group()) for each in receiver.contents()] == list(range(2001))


def test_a_receiver_that_is_not_there_or_not_who_it_should_be_has_taken_nothing(tmp_path):
    with receiving(tmp_path / "one") as receiver:
        other = Receiver(tmp_path / "other")
        for wrong in (
            where(receiver, authority=other.authority.certificate),
            where(receiver, authority=None),
            where(receiver, authority=tmp_path / "absent.pem"),
        ):
            with pytest.raises(SinkFailed):
                deliver(wrong, [frame(1)])
        assert receiver.taken() == []
    with pytest.raises(SinkFailed):
        deliver(where(receiver), [frame(1)])


def test_a_receiver_that_hangs_has_taken_nothing(tmp_path):
    with receiving(tmp_path) as receiver:
        receiver.stop()
        with pytest.raises(SinkFailed):
            deliver(where(receiver, connect_seconds=0.5, step_seconds=0.5), [frame(1)])
        receiver.resume()


def test_an_end_without_goodbye_counts_only_where_that_is_on_record(tmp_path):
    with receiving(tmp_path, "--plain-end") as receiver:
        with pytest.raises(SinkFailed):
            deliver(where(receiver), [frame(1)])
        deliver(where(receiver, may_end_plainly=True), [frame(2)])
        assert [each[0] for each in receiver.contents()] == ["1", "2"]
