"""The log holds nobody up, keeps its order, and says what it dropped."""

import json
import threading

from wardkeep.app.log import Lines


def test_a_log_that_cannot_be_written_holds_nobody_up_and_says_what_it_dropped():
    may_go_on, began = threading.Event(), threading.Event()
    written: list[str] = []

    def write(line: str) -> None:
        began.set()
        assert may_go_on.wait(20)
        written.append(line)

    lines = Lines(write, most_waiting=3)
    lines.put("first")
    assert began.wait(20)
    for number in range(5):  # three find room while the first one hangs
        lines.put(str(number))
    assert written == []
    may_go_on.set()
    lines.close(20)
    assert [line for line in written if "dropped" not in line] == ["first", "0", "1", "2"]
    assert [json.loads(line) for line in written if "dropped" in line] == [{"event": "log_lines_dropped", "count": 2}]


def test_the_end_of_the_process_does_not_wait_for_a_log_that_hangs():
    may_go_on = threading.Event()
    written: list[str] = []

    def write(line: str) -> None:
        assert may_go_on.wait(20)
        written.append(line)

    lines = Lines(write, most_waiting=1)
    lines.put("first")
    lines.put("second")
    lines.close(0.01)
    assert written == []
    may_go_on.set()
