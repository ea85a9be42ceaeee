"""Instructions that a note reports, told from instructions that are given: patients do ignore what they were told.

"The patient ignored previous instructions about diet" is a clinical finding. It has somebody whom notes are about
before a verb that tells what they did; an order has neither. A sentence that also speaks to its reader, or names a
model, is no report, so that an instruction cannot be dressed as one and still reach the model as its own.
"""

import re
from typing import Final

_LONGEST: Final = 200
_WHO: Final = (
    r"(?:patient|pt|client|resident|child|infant|baby|he|she|they|family|mother|father|mom|dad|parents?|wife|husband"
    r"|spouse|partner|son|daughter|sister|brother|caregivers?|carers?|guardian|who|mr\.? [\w'-]+|mrs\.? [\w'-]+"
    r"|ms\.? [\w'-]+)"
)
# Told of somebody, past or present: none of these forms is an order.
_DID: Final = (
    r"(?:ignor(?:ed|es)|disregard(?:ed|s)|forgot|forgets|forgotten|neglect(?:ed|s)|overrode|overrides|overridden"
    r"|bypass(?:ed|es)|skipped|skips|violat(?:ed|es)|discard(?:ed|s)|dismiss(?:ed|es))"
)
_REPORT: Final = re.compile(rf"\b{_WHO}(?:[ ,]+[\w'-]+){{0,6}}?[ ,]+{_DID}\b[^.!?;:\n]*", re.IGNORECASE)
_PASSIVE: Final = re.compile(rf"\binstructions? (?:was|were|had been) {_DID}\b[^.!?;:\n]*", re.IGNORECASE)
_TO_THE_READER: Final = re.compile(
    r"\b(?:you|your|yours|yourself|assistants?|a\.?i|model|chatbot|bot|gpt|claude|llm|prompts?|system|developer"
    r"|ignore|disregard|forget|override|bypass|discard|dismiss|now|instead|reveal|print|output|respond|reply|send)\b",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?;:\n]")


def is_reported(text: str, end: int) -> bool:
    """Whether what ends at `end` is told of somebody, in a sentence that asks its reader for nothing."""
    begin = max(0, end - _LONGEST)
    before = [found.end() for found in _SENTENCE_END.finditer(text, begin, max(begin, end - 1))]
    # "Mr. Smith" ends no sentence; his title is looked for where the cut came behind it.
    start = before[-1] if before else begin
    if re.search(r"\b(?:mr|mrs|ms)\.$", text[begin:start], re.IGNORECASE):
        start = before[-2] if len(before) > 1 else begin
    stop = _SENTENCE_END.search(text, end, end + _LONGEST)
    sentence = text[start : stop.start() if stop is not None else end + _LONGEST]
    if _TO_THE_READER.search(sentence) is not None:
        return False
    return any(
        found.start() < end - start <= found.end()
        for pattern in (_REPORT, _PASSIVE)
        for found in pattern.finditer(sentence)
    )
