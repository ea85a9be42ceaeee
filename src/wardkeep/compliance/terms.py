"""What every change must satisfy, whatever it changes: a permitted, active person, clean names, a reason in words.

Names of records stand in ledger headers, metrics and logs, so their grammar leaves no room for a sentence about a
patient; free text is sealed (45 CFR 164.312(b): the record of activity must not itself disclose). Their lengths are
bounded here and nowhere else: a header with all of them at their longest must still fit a leaf.
"""

import re
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.model.handle import HANDLE
from wardkeep.model.registry import Person
from wardkeep.policy.criteria import UNRESOLVED
from wardkeep.policy.roles import Permission, permit

_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_REGION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_WORKSPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
_REASON_MAX: Final = 500
_TEXT_MAX: Final = 200


def require(person: Person, permission: Permission) -> None:
    """Return when the person may do this now.

    Raises:
        NotAllowed: the person is not active or holds no role with the permission.
    """
    if not person.is_active:
        raise NotAllowed(
            "owner_inactive",
            what="This person is no longer active.",
            why="Access ends when the person leaves (45 CFR 164.308(a)(3)(ii)(C)).",
            fix="Ask an active administrator or officer.",
        )
    refused = permit(person, permission)
    if refused is not None:
        raise NotAllowed(
            refused.reason.value,
            what=f"This action needs the permission {permission.value}.",
            why="Each role holds only what it needs (45 CFR 164.308(a)(4)), and none of theirs includes it.",
            fix="Ask someone whose role includes it (`wardkeep user list` shows the roles).",
        )


def clean_id(value: str, noun: str) -> str:
    """Return `value` when it is a well-formed id. Raises NotAllowed, without quoting it."""
    return _matched(_ID, value, noun, "1 to 64 of a-z 0-9 . _ - beginning and ending with a letter or digit")


def clean_model(value: str, noun: str) -> str:
    """Return `value` when it is a well-formed model name. Raises NotAllowed, without quoting it."""
    return _matched(_MODEL, value, noun, "1 to 128 of A-Z a-z 0-9 . _ : / @ + - beginning with a letter or digit")


def clean_region(value: str, noun: str) -> str:
    """Return `value` when it is a well-formed region. Raises NotAllowed, without quoting it."""
    return _matched(_REGION, value, noun, "1 to 32 of A-Z a-z 0-9 . _ - beginning with a letter or digit")


def clean_workspace(value: str, noun: str) -> str:
    """Return `value` when it is a well-formed workspace. Raises NotAllowed, without quoting it."""
    return _matched(_WORKSPACE, value, noun, "1 to 32 of a-z 0-9 . _ - beginning and ending with a letter or digit")


def clean_handle(value: str, noun: str) -> str:
    """Return `value` when a call can name one subject by it. Raises NotAllowed, without quoting it."""
    rule = f"the handle that calls use: 1 to 128 of A-Z a-z 0-9 _ . : @ -, and none of {', '.join(sorted(UNRESOLVED))}"
    if value in UNRESOLVED:
        raise invalid(noun, rule)
    return _matched(HANDLE, value, noun, rule)


def clean_text(value: str, noun: str, *, longest: int = _TEXT_MAX) -> str:
    """Return one printable line without surrounding space. Raises NotAllowed when empty, too long or not one line."""
    stripped = value.strip()
    if not stripped or len(stripped) > longest or not stripped.isprintable():
        raise invalid(noun, f"one line of 1 to {longest} printable characters")
    return stripped


def clean_reason(value: str) -> str:
    """Return a reason in words: it is sealed with the change and read in reviews. Raises NotAllowed."""
    return clean_text(value, "reason", longest=_REASON_MAX)


def invalid(noun: str, rule: str) -> NotAllowed:
    """Return the refusal of a value that does not follow its rule."""
    return NotAllowed(
        "value_invalid",
        what=f"The {noun} is not valid.",
        why=f"It must be {rule}.",
        fix=f"Correct the {noun} and send the change again.",
        status=400,
    )


def unknown(noun: str, listing: str) -> NotAllowed:
    """Return the refusal of a name that no record bears."""
    return NotAllowed(
        "not_found",
        what=f"There is no such {noun}.",
        why="A change must name a record that exists.",
        fix=f"`{listing}` shows what there is.",
        status=404,
    )


def taken(noun: str, fix: str) -> NotAllowed:
    """Return the refusal to put a new record over an existing one."""
    return NotAllowed(
        "already_exists",
        what=f"There is already a {noun} with this name.",
        why="Recorded facts are never overwritten by adding; history must stay readable.",
        fix=fix,
        status=409,
    )


def _matched(pattern: re.Pattern[str], value: str, noun: str, rule: str) -> str:
    if pattern.fullmatch(value) is None:
        raise invalid(noun, rule)
    return value
