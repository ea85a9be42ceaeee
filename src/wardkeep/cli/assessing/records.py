"""The record and the host: the ledger's proofs, drift, credentials' ages, the canary, a backup restored, the machine.

45 CFR 164.308(a)(1)(ii)(D), (a)(7)(ii), 164.312(a)(2)(iv), 164.312(b)-(c).
"""

import base64
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from wardkeep.audit.verify import UnusableInput, verify
from wardkeep.cli import doctor
from wardkeep.cli._failure import CommandFailed
from wardkeep.cli.assessing.faces import plant
from wardkeep.cli.assessing.ground import Ground, failed, passed, unclear
from wardkeep.model.assessment import CheckResult
from wardkeep.settings import clock

_IDLE: Final = timedelta(days=90)
_BLOCK: Final = 1024 * 1024


def ledger(ground: Ground) -> CheckResult:
    """Verify every hash, link and signature of the ledger."""
    try:
        told = verify(ground.settings.ledger_path)
    except UnusableInput:
        return unclear("ledger", "unreadable")
    size = told.size or 0
    if not told.ok:
        return failed("ledger", "damaged", size, named=(f"{told.damage} at {told.first_bad_index}",))
    if not told.signed or size <= ground.opened_at:
        return unclear("ledger", "not_signed", size)
    return passed("ledger", "whole", size)


def drift(ground: Ground) -> CheckResult:
    """Hold what policies promise against what is set."""
    rows = ground.client.get("drift")["promises"]
    wrong = [f"{each['policy']}: {each['setting']}" for each in rows if each["standing"] == "differs"]
    unknown = [f"{each['policy']}: {each['setting']}" for each in rows if each["standing"] not in {"agrees", "differs"}]
    if wrong:
        return failed("drift", "differs", len(rows), named=wrong)
    if unknown:
        return unclear("drift", "not_known", len(rows), named=unknown)
    return passed("drift", "agrees", len(rows))


def credentials(ground: Ground) -> CheckResult:
    """Look at live keys: each ends on a day, belongs to somebody who is here, and was used of late."""
    now = clock().wall
    people = {each["id"]: each for each in ground.client.get("people")["people"]}
    live = [each for each in ground.client.get("keys")["keys"] if not each["is_revoked"]]
    wrong = []
    for key in live:
        if key["expires_at"] is None:
            wrong.append(f"key {key['id']} never ends")
        if not people.get(key["owner"], {}).get("is_active"):
            wrong.append(f"key {key['id']} belongs to nobody who is here")
        used = key["last_used_at"]
        if used is not None and now - datetime.fromisoformat(used) > _IDLE:
            wrong.append(f"key {key['id']} was not used for {_IDLE.days} days")
    if wrong:
        return failed("credentials", "old_or_open", len(live), named=wrong)
    return passed("credentials", "in_order", len(live) + len(people))


def host(ground: Ground) -> CheckResult:
    """Ask the doctor: file modes, hardening, keys, certificate, clock, disk. A warning is no pass."""
    found = list(doctor.examine(ground.settings.home))
    bad = [each.what for each in found if each.standing is doctor.Standing.FAIL]
    warned = [each.what for each in found if each.standing is doctor.Standing.WARN]
    if bad:
        return failed("host", "wrong", len(found), named=bad)
    if warned:
        return unclear("host", "warnings", len(found), named=warned)
    return passed("host", "in_order", len(found))


def independent_test(ground: Ground) -> CheckResult:
    """Ask the register whether somebody else tested this, and until when that counts."""
    told = ground.client.get("assessments")
    words = str(told["independent_test"])
    if not told["independent_test_holds"]:
        return unclear("independent_test", "none", named=(words,))
    return passed("independent_test", "on_record", 1, named=(words,))


# ---- the canary ------------------------------------------------------------------------------------------------------


def canary(ground: Ground) -> CheckResult:
    """Look for the canary in every file of the home, the named logs and a new backup; nothing may hold it in clear.

    It was sealed with the entry that opened this run, and sent to every live face as a stranger's call. That the
    search finds what is there is shown first.
    """
    planted = plant(ground)
    control = ground.scratch / "control"
    encodings = _encodings(ground.canary)
    for name, each in encodings.items():
        control.write_bytes(b"before" + each + b"after")
        if name not in _found(control, encodings):
            return unclear("canary", "search_broken")
    control.unlink()
    looked_at, wrong, unread = 0, [], []
    for place in _places(ground):
        try:
            found = _found(place, encodings)
        except OSError:
            unread.append(place.name)
            continue
        looked_at += 1
        if found:
            wrong.append(f"{place.name} ({', '.join(found)})")
    if wrong:
        return failed("canary", "found_in_clear", looked_at, named=wrong)
    if unread:
        return unclear("canary", "unreadable", looked_at, named=unread)
    if not ground.logs:
        return unclear("canary", "logs_not_named", looked_at, named=("name where the server logs to with --log",))
    if planted == 0:
        return unclear("canary", "ports_not_named", looked_at, named=("name the live faces with --address",))
    return passed("canary", "nowhere_in_clear", looked_at)


def _places(ground: Ground) -> Iterator[Path]:
    for place in sorted({*ground.settings.home.rglob("*"), *ground.logs}):
        if place in ground.logs or stat.S_ISREG(place.lstat().st_mode):
            yield place


def _encodings(text: str) -> dict[str, bytes]:
    """Return the forms in which a text may lie about; base64 by its three offsets."""
    raw = text.encode()
    inner = {
        f"base64 at {shift}": base64.b64encode(b"\0" * shift + raw)[4 * (shift > 0) : -4].rstrip(b"=")
        for shift in range(3)
    }
    return {
        "plain": raw,
        "utf-16": text.encode("utf-16-le"),
        "hexadecimal": raw.hex().encode(),
        "reversed": raw[::-1],
        **inner,
    }


def _found(place: Path, encodings: dict[str, bytes]) -> list[str]:
    """Return in which forms a file holds the canary. Raises OSError."""
    longest = max(map(len, encodings.values()))
    found: set[str] = set()
    tail = b""
    with place.open("rb") as file:
        while block := file.read(_BLOCK):
            window = tail + block
            found |= {name for name, each in encodings.items() if each in window}
            tail = window[-longest:]
    return sorted(found)


# ---- backup and restore ----------------------------------------------------------------------------------------------


def back_up(ground: Ground) -> str | None:
    """Make a backup in the scratch place, so that it is searched as well; return why that failed, or None."""
    stores = sum(each.stat().st_size for each in ground.settings.home.iterdir() if each.is_file())
    if shutil.disk_usage(ground.scratch).free < 3 * stores:
        return "no_room"
    try:
        ground.client.post("backups", to=str(ground.scratch / "backup"), seal_to=str(ground.scratch / "backup.seal"))
    except CommandFailed as error:
        return error.code
    return None


def restore(ground: Ground) -> CheckResult:
    """Restore that backup and check all of it; it must hold the entry that opened this run."""
    made = sorted((ground.scratch / "backup").glob("*/"))
    if len(made) != 1:
        return unclear("restore", "no_backup")
    try:
        told = ground.client.post("backups", "drill", place=str(made[0]), seal=str(ground.scratch / "backup.seal"))
    except CommandFailed as error:
        if error.code == "backup_failed":
            return failed("restore", error.code, 1)
        return unclear("restore", error.code)
    if told["entries"] <= ground.opened_at or told["subject_keys"] is None:
        return failed("restore", "incomplete", told["entries"])
    return passed("restore", "whole", told["entries"])
