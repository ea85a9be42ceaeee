"""What was found in a text, shown: each identifier as a span with its class and why, and the same as the model saw it.

Made from what really leaves: the text with surrogates is laid over the original, so that nothing can be shown as hidden
that was not. Everything is escaped; the marks are ours.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup, escape

from wardkeep.model.spans import IdentifierType, Span

_TOKEN: Final = re.compile(r"\[([A-Z_]+)-[0-9A-Za-z.]+\]")
_WORDS: Final = {
    IdentifierType.NAME: "name",
    IdentifierType.LOCATION: "place smaller than a State",
    IdentifierType.DATE: "date",
    IdentifierType.AGE: "age",
    IdentifierType.PHONE: "telephone number",
    IdentifierType.FAX: "fax number",
    IdentifierType.EMAIL: "e-mail address",
    IdentifierType.SSN: "social security number",
    IdentifierType.MRN: "medical record number",
    IdentifierType.HEALTH_PLAN: "health plan number",
    IdentifierType.ACCOUNT: "account number",
    IdentifierType.LICENSE: "licence number",
    IdentifierType.VEHICLE: "vehicle",
    IdentifierType.DEVICE: "device",
    IdentifierType.URL: "web address",
    IdentifierType.IP: "IP address",
    IdentifierType.ORGANIZATION: "organisation",
}


def hidden_in(original: str, sent: str, restore: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Return (start, end, token) of what stands hidden in `sent`, in the original's order."""
    found: list[tuple[int, int, str]] = []
    at = from_ = 0
    matches = [each for each in _TOKEN.finditer(sent) if each.group() in restore]
    for number, match in enumerate(matches):
        at += match.start() - from_
        following = matches[number + 1].start() if number + 1 < len(matches) else len(sent)
        literal = sent[match.end() : following]
        surface = restore[match.group()]
        end = at + len(surface)
        if original[at:end].casefold() != surface.casefold():
            # Another writing of the same value: it ends where the text goes on.
            is_last = number + 1 == len(matches)
            end = len(original) - len(literal) if is_last else original.find(literal, at + 1)
        if end < at:
            break
        found.append((at, end, match.group()))
        at, from_ = end, match.end()
    return found


def marked(original: str, hidden: Sequence[tuple[int, int, str]], spans: Sequence[Span]) -> Markup:
    """Return the original with what was hidden marked, and what was found and went unchanged underlined."""
    parts: list[Markup] = []
    at = 0
    places = [(start, end, token) for start, end, token in hidden]
    places += [(s.start, s.end, "") for s in spans if not any(a < s.end and s.start < b for a, b, _ in hidden)]
    for start, end, token in sorted(places):
        if start < at:
            continue
        rule = next((s for s in spans if s.start < end and start < s.end), None)
        kind = _kind(token, rule)
        why = f"{kind}, found by {rule.rule}" if rule is not None else f"{kind}, the same as elsewhere in this text"
        parts.append(escape(original[at:start]))
        text = escape(original[start:end])
        if token:
            parts.append(Markup('<mark title="{}: the model sees {}">{}<span class="class">{}</span></mark>').format(
                why, token, text, kind))  # fmt: skip
        else:
            parts.append(Markup('<span class="kept" title="{}: goes unchanged for this purpose">{}</span>').format(
                why, text))  # fmt: skip
        at = end
    parts.append(escape(original[at:]))
    return Markup("").join(parts)


def tokens_marked(sent: str) -> Markup:
    """Return what the model sees with the surrogates marked."""
    parts: list[Markup] = []
    at = 0
    for match in _TOKEN.finditer(sent):
        parts += [escape(sent[at : match.start()]), Markup("<mark>{}</mark>").format(match.group())]
        at = match.end()
    return Markup("").join([*parts, escape(sent[at:])])


def restored_marked(text: str, restore: Mapping[str, str]) -> Markup:
    """Return an answer with the restored originals marked; the surrogate that the model wrote is told beside each."""
    tokens = {surface: token for token, surface in restore.items() if surface}
    if not tokens:
        return escape(text)
    longest_first = sorted(tokens, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(each) for each in longest_first))
    parts: list[Markup] = []
    at = 0
    for match in pattern.finditer(text):
        parts += [
            escape(text[at : match.start()]),
            Markup('<mark title="The model wrote {}">{}</mark>').format(tokens[match.group()], match.group()),
        ]
        at = match.end()
    return Markup("").join([*parts, escape(text[at:])])


def hidden_words(hidden: str) -> str:
    """Return what was hidden, counted by class, in the words of a page: `MRN=1,NAME=2` is a number of each."""
    counts = [each.partition("=") for each in hidden.split(",") if each]
    known = {each.value: _WORDS.get(each, "identifier") for each in IdentifierType}
    return ", ".join(f"{known.get(name, 'identifier')} ({count})" for name, _, count in counts)


def _kind(token: str, span: Span | None) -> str:
    name = token[1:].partition("-")[0] if token else ("" if span is None else span.type.value)
    found = next((each for each in IdentifierType if each.value == name), None)
    return _WORDS.get(found, "identifier") if found is not None else "identifier"
