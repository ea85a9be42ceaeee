"""A short run of attacks on the prompt screen and of disguises on the detector, with this installation's own data.

A regression check in seconds; the measured rates with their intervals are `make bench-redteam`'s. No model is asked.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from wardkeep.cli.assessing.ground import Ground, failed, passed, unclear
from wardkeep.model.assessment import CheckResult
from wardkeep.model.guard import Origin
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable
from wardkeep.privacy.installed import detector_for, installed_screen

_ZERO_WIDTH: Final = "\u200b"
_FULL_WIDTH: Final = 0xFEE0
_DISGUISES: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "plain": lambda text: text,
        "zero-width": _ZERO_WIDTH.join,
        "full-width": lambda text: "".join(
            chr(ord(sign) + _FULL_WIDTH) if "!" <= sign <= "~" else sign for sign in text
        ),
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
        "html": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    }
)


def prompt_attacks(ground: Ground) -> CheckResult:  # noqa: ARG001 - all checks are asked alike
    """Ask the screen about attacks, which it must see, and harmless texts, which it must not take for attacks."""
    wrong, asked = [], 0
    try:
        for number, (family, text) in enumerate(_lines()):
            if family == "identifier":
                continue
            asked += 1
            is_seen = bool(installed_screen().assess([(0, Origin.USER, text)]).signals)
            if is_seen is not (family == "attack"):
                wrong.append(f"case {number}: {family} {'taken for an attack' if is_seen else 'not seen'}")
    except (DetectorUnavailable, DetectorFailed):
        return unclear("prompt_attacks", "screen_unavailable", asked)
    if wrong:
        return failed("prompt_attacks", "misjudged", asked, named=wrong)
    return passed("prompt_attacks", "all_seen", asked)


def disguises(ground: Ground) -> CheckResult:  # noqa: ARG001 - all checks are asked alike
    """Ask the detector for made-up identifiers in disguises: something must be found in each."""
    wrong, asked = [], 0
    try:
        detector = detector_for("strict")
        for number, (family, text) in enumerate(_lines()):
            if family != "identifier":
                continue
            for name, disguise in _DISGUISES.items():
                asked += 1
                if not detector.find(f"Please note: {disguise(text)} for the record."):
                    wrong.append(f"case {number}: {name}")
    except (DetectorUnavailable, DetectorFailed):
        return unclear("disguises", "detector_unavailable", asked)
    if wrong:
        return failed("disguises", "not_found", asked, named=wrong)
    return passed("disguises", "all_found", asked)


def _lines() -> Iterator[tuple[str, str]]:
    text = files(__package__).joinpath("attacks.txt").read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            family, _, words = line.partition(" | ")
            yield family, words
