"""Edits of clients' own settings files: what we set is set, everything else stays as it was written.

Three forms: `.env` lines, a JSON object, TOML. Pure: text in, text out. A file that cannot be edited without doubt is
refused and left alone, because a client whose settings are half ours may still speak to a vendor directly.
"""

import copy
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from wardkeep.cli._failure import CommandFailed

_ASSIGNED: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/@%+,;~\[\]-]*")
# What would show a credential in a diff: a name that means one, with all that stands behind it.
_SECRET: Final = re.compile(
    r"(?i)^(\s*(?:export\s+)?[\"']?[\w.-]*(?:key|token|secret|passw|credential|auth|bearer)[\w.-]*[\"']?\s*[:=]\s*)\S.*$"
)
_SECRET_VALUE: Final = re.compile(r"(?i)\b(?:sk-|wk_(?:live|user|glass|scim)_|ghp_|bearer\s+)[^\s\"',;]+")
_OUR_KEY: Final = re.compile(r"wk_live_([a-z0-9]+)_[A-Za-z0-9]+")
_TABLE: Final = re.compile(r"\s*\[{1,2}[^\[\]]+\]{1,2}\s*(?:#.*)?")
_OURS: Final = re.compile(r"\s*\[\s*model_providers\s*\.\s*(?:wardkeep|\"wardkeep\")\s*(?:\.[^\]]+)?\]\s*(?:#.*)?")


def edit_env(text: str, wanted: Mapping[str, str | None]) -> str:
    """Return `.env` lines with each name set once, or taken away where None.

    Values go unquoted, as `docker run --env-file` reads them too. Raises CommandFailed.
    """
    for value in wanted.values():
        if value is not None and _PLAIN.fullmatch(value) is None:
            raise _not_editable("a value would need quotes, which not every reader of such files understands")
    ending = "\r\n" if "\r\n" in text else "\n"
    kept, left = [], {name: value for name, value in wanted.items() if value is not None}
    for line in text.splitlines():
        found = _ASSIGNED.fullmatch(line)
        if found is not None and _is_open_quote(found.group(2)):
            raise _not_editable("it has a value that goes over several lines")
        if found is None or found.group(1) not in wanted:
            kept.append(line)
            continue
        name = found.group(1)
        if name in left:
            # The first place keeps its `export`; a second one would win over it in most readers.
            kept.append(line[: found.start(2)] + left.pop(name))
    kept.extend(f"{name}={value}" for name, value in left.items())
    return "".join(line + ending for line in kept)


def env_values(text: str) -> dict[str, str]:
    """Return what `.env` lines set, unquoted; the last one wins."""
    found = (_ASSIGNED.fullmatch(line) for line in text.splitlines())
    return {each.group(1): each.group(2).strip().strip("\"'") for each in found if each is not None}


def edit_json(text: str, wanted: Mapping[str, str | None]) -> str:
    """Return a JSON object whose member `env` has each name set, or taken away where None. Raises CommandFailed."""
    document = json_object(text)
    env = document.setdefault("env", {})
    if not isinstance(env, dict):
        raise _not_editable("its member `env` is not an object")
    for name, value in wanted.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    indented = re.search(r"\n([ \t]+)\S", text)
    written = json.dumps(document, ensure_ascii=False, indent=indented.group(1) if indented is not None else 2)
    return written if text and not text.endswith("\n") else written + "\n"


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text; an empty text is an empty one. Raises CommandFailed."""
    if not text.strip():
        return {}
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise _not_editable("it is not JSON whose names stand once") from error
    if not isinstance(document, dict):
        raise _not_editable("it is not a JSON object")
    return document


def edit_toml(text: str, provider: Mapping[str, Any], model: str | None) -> str:
    """Return a Codex configuration in which `wardkeep` is a model provider, and the one that is used.

    The result is read again and held against what it must say: a layout that we misread is refused.

    Raises:
        CommandFailed: it is not TOML, or cannot be edited without doubt.
    """
    before = toml_table(text)
    # A search runs at the vendor, outside of every agreement: the gateway refuses the whole call that offers it.
    top = {"model_provider": "wardkeep", "web_search": "disabled", **({} if model is None else {"model": model})}
    lines, is_ours, is_top = [], False, True
    for line in text.splitlines():
        if _TABLE.fullmatch(line) is not None:
            is_top, is_ours = False, _OURS.fullmatch(line) is not None
        if is_ours or (is_top and any(re.match(rf"\s*{name}\s*=", line) for name in top)):
            continue
        lines.append(line)
    while lines and not lines[-1].strip():
        lines.pop()
    ending = "\r\n" if "\r\n" in text else "\n"
    # The first line of a file is always top level, and its end always outside of every table but its own.
    said = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    after = ending.join([*said, *lines, "", *_toml_tables("model_providers.wardkeep", provider), ""])
    expected = copy.deepcopy(before)
    expected.update(top)
    providers = expected.setdefault("model_providers", {})
    if not isinstance(providers, dict) or _reads_otherwise(after, {**providers, "wardkeep": dict(provider)}, expected):
        raise _not_editable("its layout leaves no place that can be edited without doubt")
    return after


def toml_table(text: str) -> dict[str, Any]:
    """Return the table in a TOML text. Raises CommandFailed."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_editable("it is not valid TOML") from error


def without_secrets(text: str) -> str:
    """Return a text of settings for showing: credentials are replaced; of ours the id stays, which is no secret."""
    return "".join(_line_without_secrets(line) for line in text.splitlines(keepends=True))


def _line_without_secrets(line: str) -> str:
    ours = _OUR_KEY.search(line)
    shown = f"(hidden: key {ours.group(1)})" if ours is not None else "(hidden)"
    end = line[len(line.rstrip("\r\n")) :]
    named = _SECRET.match(line.rstrip("\r\n"))
    return named.group(1) + shown + end if named is not None else _SECRET_VALUE.sub(shown, line)


def _reads_otherwise(text: str, providers: dict[str, Any], expected: dict[str, Any]) -> bool:
    expected["model_providers"] = providers
    try:
        return tomllib.loads(text) != expected
    except tomllib.TOMLDecodeError:
        return True


def _toml_tables(name: str, table: Mapping[str, Any]) -> list[str]:
    """Return lines of a table of strings, numbers, lists of strings, and tables below it."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    below = [
        line
        for key, value in table.items()
        if isinstance(value, Mapping)
        for line in ("", *_toml_tables(f"{name}.{key}", value))
    ]
    return [f"[{name}]", *plain, *below]


def _is_open_quote(value: str) -> bool:
    quote = value[:1]
    return quote in {'"', "'"} and value.count(quote) == 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _not_editable(because: str) -> CommandFailed:
    return CommandFailed(
        "settings_not_editable",
        what=f"The client's settings file was left as it is: {because}.",
        why="Settings that are half changed may send bytes to a vendor past the gateway.",
        fix="Mend the file, or put in by hand what `--print` shows.",
    )
