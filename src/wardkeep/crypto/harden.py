"""Keep key material out of core dumps, debuggers of other users, and swap (45 CFR 164.312(a)(2)(iv), in processing).

Best effort by the kernel's leave: the report says what really holds, so that `doctor` and the control register never
claim more. Root on the host can read memory all the same.
"""

import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from typing import Final

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4  # lock pages as they are touched: reserving every mapping at once would cost gigabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """What is true of this process now. `detail` names what failed and why, for operators."""

    dumpable_off: bool
    core_off: bool
    memory_locked: bool
    detail: tuple[str, ...]


def harden_process(*, lock_memory: bool = True) -> Hardening:
    """Turn off dumps and tracing by other users, core files and (if asked) swapping; report what took effect."""
    notes: list[str] = []
    core_off = _core_off(notes)
    if not sys.platform.startswith("linux"):
        notes.append("dump and memory locking controls are known for Linux only")
        return Hardening(dumpable_off=False, core_off=core_off, memory_locked=False, detail=tuple(notes))
    libc = ctypes.CDLL(None, use_errno=True)
    return Hardening(
        dumpable_off=_dumpable_off(libc, notes),
        core_off=core_off,
        memory_locked=_memory_locked(libc, notes) if lock_memory else False,
        detail=tuple(notes),
    )


def _core_off(notes: list[str]) -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        notes.append(f"core limit: {error}")
    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def _dumpable_off(libc: ctypes.CDLL, notes: list[str]) -> bool:
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        notes.append(f"dumpable: {os.strerror(ctypes.get_errno())}")
    # read back: only what the kernel says now is reported
    return int(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)) == 0


def _memory_locked(libc: ctypes.CDLL, notes: list[str]) -> bool:
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return True
    notes.append(f"memory lock: {os.strerror(ctypes.get_errno())}; raise the memlock limit or encrypt swap")
    return False
