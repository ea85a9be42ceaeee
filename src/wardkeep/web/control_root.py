"""The part of the control API for the instance's own keys: epochs, rewrapping, moves between roots."""

from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import key_custody as custody
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.key_custody import KeyCustody
from wardkeep.compliance.records import Change
from wardkeep.crypto.errors import CryptoError, KeyHolderFailed
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission
from wardkeep.storage.errors import StoreError
from wardkeep.web.asked import ApiRoute, Asked, actor, change, get_route, post_route

_CUSTODY: Final = Permission.KEY_CUSTODY


class MoveForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A move to propose: under which root, as `keys.root` would name it."""

    id: str
    to: str
    reason: str


async def _show(asked: Asked) -> object:
    held = _custody(asked)
    wrapped = await held.standing()
    moves = [
        {**msgspec.to_builtins(each), "status": _status(each.is_open, each.is_under_way, each.withdrawn_by)}
        for _, each in sorted(asked.registry.root_moves.items())
    ]
    return {
        "root_id": held.opened_by,
        "root": held.settings.keys.root,
        "other_root_id": None if wrapped.other is None else wrapped.other.root_id,
        "epoch": held.keys.epoch_id,
        "epochs": sorted(wrapped.epochs, key=lambda name: int(name[1:])),
        "moves": moves,
    }


async def _rotate(asked: Asked, filled: ReasonForm) -> object:
    try:
        done = await _custody(asked).rotate(by=actor(asked.by), reason=filled.reason)
    except (CryptoError, StoreError) as error:
        raise _failed("No epoch was begun", error) from error
    return {"ledger_index": done.ledger_index, "epoch": done.epoch, "credentials": done.credentials}


async def _rewrap(asked: Asked, filled: ReasonForm) -> object:
    try:
        index = await _custody(asked).rewrap(by=actor(asked.by), reason=filled.reason)
    except (CryptoError, StoreError) as error:
        raise _failed("The tenant key was not wrapped anew", error) from error
    return {"ledger_index": index, "root_id": _custody(asked).opened_by}


async def _propose(asked: Asked, filled: MoveForm) -> object:
    plan = partial(custody.propose_move, move=filled.id, line=filled.to, now=asked.app.clock().wall)
    plan(asked.registry, asked.by)  # refused before a root is asked
    try:
        await _custody(asked).try_root(filled.to)
    except (CryptoError, StoreError) as error:
        raise _failed("The root does not wrap and unwrap", error) from error
    return await change(asked, "root.propose", filled.reason, plan, id=filled.id)


async def _approve(asked: Asked, filled: ReasonForm) -> object:
    name, now = asked.words[0], asked.app.clock().wall

    def plan(registry: Registry, root_id: str) -> tuple[Change, ...]:
        return custody.approve_move(registry, _as_now(registry, asked), move=name, root_id=root_id, now=now)

    line = custody.find_open(asked.registry, name).line
    try:
        done = await _custody(asked).approve(line=line, by=actor(asked.by), reason=filled.reason, plan=plan)
    except (CryptoError, StoreError) as error:
        raise _failed("The keys were not wrapped under the other root", error) from error
    return {"ledger_index": done.ledger_index, "root_id": done.root_id, "root": line, "is_written": done.is_written}


async def _withdraw(asked: Asked, filled: ReasonForm) -> object:
    held, name = _custody(asked), asked.words[0]

    def plan(registry: Registry) -> tuple[Change, ...]:
        return custody.withdraw_move(registry, _as_now(registry, asked), move=name, opened_by=held.opened_by)

    try:
        index, is_written = await held.withdraw(by=actor(asked.by), reason=filled.reason, plan=plan)
    except (CryptoError, StoreError) as error:
        raise _failed("The second wrapping was not dropped", error) from error
    return {"ledger_index": index, "root": held.settings.keys.root, "is_written": is_written}


def _custody(asked: Asked) -> KeyCustody:
    held = asked.app.custody
    if held is None:
        raise NotAllowed(
            "keys_unavailable",
            what="This process does not keep the instance's keys.",
            why="Only the keeper changes them.",
            fix="Ask the instance's own control API.",
            status=409,
        )
    return held


def _as_now(registry: Registry, asked: Asked) -> Person:
    """Return the person as they are when the change is made, not when they knocked."""
    found = registry.people.get(asked.by.id)
    return found if found is not None else asked.by


def _status(is_open: bool, is_under_way: bool, withdrawn_by: str | None) -> str:  # noqa: FBT001 - facts of one record
    if withdrawn_by is not None:
        return "withdrawn"
    return "proposed" if is_open else "approved" if is_under_way else "finished"


def _failed(what: str, error: CryptoError | StoreError) -> NotAllowed:
    fix = error.fix if isinstance(error, KeyHolderFailed) else "`wardkeep doctor` says how keys and root stand."
    return NotAllowed(
        "keys_failed",
        what=f"{what}: {error}.",
        why="Keys are changed only where what was wrapped has been seen to open again.",
        fix=fix,
        status=409,
    )


ROOT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("root", Permission.REGISTRY_READ, "keys.show", _show),
    post_route("root/rotate", _CUSTODY, "keys.rotate", ReasonForm, _rotate),
    post_route("root/rewrap", _CUSTODY, "keys.rewrap", ReasonForm, _rewrap),
    post_route("root/moves", _CUSTODY, "root.propose", MoveForm, _propose),
    post_route("root/moves/{}/approve", _CUSTODY, "root.approve", ReasonForm, _approve),
    post_route("root/moves/{}/withdraw", _CUSTODY, "root.withdraw", ReasonForm, _withdraw),
)
