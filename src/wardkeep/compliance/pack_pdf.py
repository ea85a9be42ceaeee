"""The printed part of an evidence pack: PDF/A-2a by typst, an optional dependency (extra `evidence`).

The template is data beside this file; facts go in as one JSON text, never as typesetting code, so that no name can
become a command. Fonts come with the compiler; nothing is fetched.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import msgspec

from wardkeep.compliance.errors import NotAllowed

STANDARD: Final = "a-2a"
_TEMPLATE: Final = "report.typ"


def pdf(facts: Mapping[str, Any]) -> bytes:
    """Return the report. Raises NotAllowed: the extra `evidence` is not installed."""
    try:
        import typst  # noqa: PLC0415 - an optional dependency
    except ImportError:
        raise NotAllowed(
            "extra_missing",
            what="The program that makes PDF is not installed.",
            why="It is large, and not everybody prints.",
            fix="Install the extra: pip install 'wardkeep[evidence]'; or leave the PDF out with --no-pdf.",
            status=409,
        ) from None
    template = files(__package__).joinpath("pack_files").joinpath(_TEMPLATE).read_bytes()
    made = typst.compile(
        template,
        format="pdf",
        pdf_standards=[STANDARD],
        sys_inputs={"facts": msgspec.json.encode(printed(facts)).decode()},
        timestamp=datetime.fromisoformat(facts["about"]["made_at"]).replace(microsecond=0),
    )
    return bytes(made)


def printed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is printed: all but the excerpt, which is a file of its own."""
    return {name: value for name, value in facts.items() if name != "excerpt"}
