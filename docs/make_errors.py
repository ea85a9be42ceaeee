"""Writes docs/errors.md from `wardkeep.model.reasons`, the one place where refusals are explained.

Run it after a change there: `python docs/make_errors.py`. The documents' test fails while the file is not current.
"""
# ruff: noqa: INP001 - a script beside its page, no package

from pathlib import Path

from wardkeep.model.reasons import EXPLANATIONS, Reason, Refused
from wardkeep.web.errors import render

_TARGET = Path(__file__).with_name("errors.md")
_HEAD = """\
# Refusals

Every reason for which Wardkeep refuses a call. The code is stable: one is never renamed or reused. A refusal has the
body of the client's own wire format, with `code`, `what`, `why`, `fix`, `field` and `ledger_index` in `error`
(`ledger_index` is null when the refusal is not in the ledger). Retry says what `x-should-retry` tells SDKs.

This file is made by `docs/make_errors.py` from `src/wardkeep/model/reasons.py`. Change it there.

| code | status | retry | what | why | how to mend it |
|---|---|---|---|---|---|
"""


def table() -> str:
    """Return the whole document."""
    rows = []
    for reason in Reason:
        told = EXPLANATIONS[reason]
        _, headers, _ = render(Refused(reason=reason), b"/v1/chat/completions")
        retry = "yes" if (b"x-should-retry", b"true") in headers else "no"
        cells = (f"`{reason.value}`", str(told.status), retry, told.what, told.why, told.fix)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    _TARGET.write_text(table(), encoding="utf-8")
