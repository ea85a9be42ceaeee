"""The process's log: one line an event, as JSON or as text, whatever a value holds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wardkeep.app.faces import log_of
from wardkeep.settings import Log, LogFormat, Settings


def written(capsys: pytest.CaptureFixture[str], form: LogFormat) -> str:
    settings = replace(Settings(home=Path("unused")), log=Log(format=form))
    log_of(settings)("worker_ended", status=3, kind='a b\nready data="x"')
    return capsys.readouterr().err


def test_json_is_one_object_a_line(capsys):
    line = written(capsys, LogFormat.JSON)
    assert line.count("\n") == 1
    assert json.loads(line) == {"event": "worker_ended", "status": 3, "kind": 'a b\nready data="x"'}


def test_text_is_one_line_that_no_value_can_break(capsys):
    assert written(capsys, LogFormat.TEXT) == 'worker_ended status=3 kind="a b\\nready data=\\"x\\""\n'
