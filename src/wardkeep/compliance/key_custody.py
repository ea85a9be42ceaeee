"""What people do to the keys while calls go on: begin an epoch, wrap the tenant key anew, move it under another root.

45 CFR 164.312(a)(2)(iv), (e)(2)(ii); NIST SP 800-57 part 1 section 5.3. Each is one entry of the ledger. `keys.json` is
replaced whole, and opens at every step:

- An epoch: its key is kept and held by every process; the entry names it and brings each vendor credential sealed under
  it; then it becomes the current one. What a crash leaves between the last two is finished at the next start.
- A move takes two people. On approval the tenant key stands under both roots. The first start under the new one proves
  that it opens, says so in an entry, and leaves the old one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from wardkeep.compliance.control import Control
from wardkeep.compliance.deployments import reseal_credential
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.compliance.two_people import HOST, check_established, second_person
from wardkeep.crypto.errors import KeyUnavailable
from wardkeep.crypto.keys import (
    DataKeys,
    Keyring,
    PassphraseParameters,
    RootKey,
    WrappedKeys,
    dump_wrapped,
    load_wrapped,
)
from wardkeep.crypto.rotation import add_root, begin_epoch, drop_new_root, leave_old_root, next_epoch, wrap_anew
from wardkeep.crypto.wrapping import new_key, wrapping_place
from wardkeep.model.custody import CURRENT_EPOCH, KeyEpoch, RootMove
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Person, Registry
from wardkeep.model.roots import RootMalformed, parse_root
from wardkeep.policy.roles import Permission
from wardkeep.settings import Settings, write_root
from wardkeep.storage.files import replace_secret

EpochsListener = Callable[[str, Mapping[str, bytes]], Awaitable[None]]
RootOpener = Callable[[str, PassphraseParameters | None], RootKey]

_LIST: Final = "wardkeep keys show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """An epoch that began, in which entry, and how many vendor credentials were sealed under it."""

    epoch: str
    ledger_index: int
    credentials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An approved move: its entry, the new root's name, and whether `wardkeep.toml` names it now."""

    ledger_index: int
    root_id: str
    is_written: bool


@dataclass(slots=True, kw_only=True)
class KeyCustody:
    """The one way to change the wrapped keys of an instance that is open.

    `open_line` opens the root that a line names, and makes what can be made there (a key file); `opened_by` is the name
    of the root that opened this instance.
    """

    settings: Settings
    control: Control
    keyring: Keyring = field(repr=False)
    keys: DataKeys
    opened_by: str
    open_line: RootOpener = field(repr=False)
    clock: Callable[[], Instant]
    listeners: list[EpochsListener] = field(default_factory=list, repr=False)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def on_epochs(self, listener: EpochsListener) -> None:
        """Await `listener` with the current epoch and the ones to hold, before anything is sealed under a new one."""
        self.listeners.append(listener)

    async def standing(self) -> WrappedKeys:
        """Return the wrapped keys as they are kept. Raises KeyUnavailable."""
        return await asyncio.to_thread(self._read)

    async def rotate(self, *, by: str, reason: str) -> Rotated:
        """Begin a new epoch. Calls go on: every process holds its key before anything is sealed under it.

        Raises:
            StoreUnavailable, KeyUnavailable: nothing was changed.
            LedgerUnavailable: not decided; asking again takes the same key up.
        """
        async with self._one_at_a_time:
            before = await self.standing()
            wrapped, name, key = next_epoch(self.keyring, before)
            await self._keep(wrapped)
            old = self.keys.epoch_id
            both = {old: self.keys.epoch_key_for(old), name: key}
            self.keys.take(old, {**self.keys.epochs, name: key})
            await self._tell(old, both)
            resealed: list[Change] = []

            def plan(registry: Registry) -> tuple[Change, ...]:
                resealed[:] = self._resealed(registry, name, key)
                began = KeyEpoch(id=CURRENT_EPOCH, epoch=name, began_by=by, began_at=self.clock().wall)
                return (Change(kind=Kind.KEY_EPOCHS, id=CURRENT_EPOCH, record=began), *resealed)

            index = await self.control.change(by=by, action="keys.rotate", reason=reason, plan=plan)
            await self._begin(name)
            await self._tell(name, both)
            return Rotated(epoch=name, ledger_index=index, credentials=len(resealed))

    async def rewrap(self, *, by: str, reason: str) -> int:
        """Wrap the tenant key anew under the same root, as after its key holder made a new version; return the entry.

        Raises:
            KeyUnavailable: the root does not wrap, or what it wrapped does not open; nothing was changed.
            StoreUnavailable, LedgerUnavailable: the old wrapping may stand, and opens.
        """
        async with self._one_at_a_time:
            wrapped = await asyncio.to_thread(self._wrap_anew)
            index = await self.control.change(by=by, action="keys.rewrap", reason=reason, plan=lambda _: ())
            await self._keep(wrapped)
            return index

    async def try_root(self, line: str) -> None:
        """Have a root wrap and unwrap a key of no use, so that nobody decides on one that does not work.

        Raises:
            NotAllowed: the line names no root, or the one that is used already.
            CryptoError: the root does not wrap and unwrap.
        """
        _check_line(line, self.settings.keys.root)
        await asyncio.to_thread(_try, self.open_line, line, self.keyring.tenant)

    async def approve(
        self, *, line: str, by: str, reason: str, plan: Callable[[Registry, str], tuple[Change, ...]]
    ) -> Moved:
        """Put the tenant key under a second root, have `plan` decide, then name the new root in the settings.

        Raises:
            NotAllowed: `plan` refused; the keys are under the old root alone.
            CryptoError: the new root does not wrap; nothing was changed.
            LedgerUnavailable: whether it was decided is not known; both roots open until the next start.
        """
        async with self._one_at_a_time:
            wrapped = await asyncio.to_thread(self._with_root, line)
            assert wrapped.other is not None
            root_id = wrapped.other.root_id
            plan(self.control.registry, root_id)  # refused before anything is kept
            await self._keep(wrapped)
            try:
                index = await self.control.change(
                    by=by, action="root.approve", reason=reason, plan=lambda registry: plan(registry, root_id)
                )
            except NotAllowed:
                await self._keep(drop_new_root(wrapped))
                raise
            is_written = await asyncio.to_thread(write_root, self.settings.home, line)
            return Moved(ledger_index=index, root_id=root_id, is_written=is_written)

    async def withdraw(
        self, *, by: str, reason: str, plan: Callable[[Registry], tuple[Change, ...]]
    ) -> tuple[int, bool]:
        """Take back a move that is not finished; return the entry, and whether the settings name the old root again.

        Raises:
            NotAllowed: `plan` refused, or the new root opened this instance.
        """
        async with self._one_at_a_time:
            wrapped = await self.standing()
            index = await self.control.change(by=by, action="root.withdraw", reason=reason, plan=plan)
            is_written = await asyncio.to_thread(write_root, self.settings.home, self.settings.keys.root)
            if wrapped.other is not None:
                await self._keep(drop_new_root(wrapped))
            return index, is_written

    async def finish(self) -> None:
        """At start: make current the epoch that was decided, and leave the root that is no longer used.

        Raises:
            KeyUnavailable: `keys.json` is older than the ledger, or opened under a root that nobody approved.
            StoreUnavailable, LedgerUnavailable: not done; the keys open as before.
        """
        wrapped = await self.standing()
        decided = self.control.registry.key_epochs.get(CURRENT_EPOCH)
        if decided is not None and decided.epoch != wrapped.current_epoch:
            await self._begin(decided.epoch)
            wrapped = await self.standing()
        if wrapped.other is None:
            return
        moves = self.control.registry.root_moves.values()
        approved = [each for each in moves if each.approved_by is not None and each.withdrawn_by is None]
        if self.opened_by != wrapped.other.root_id:
            if not any(each.is_under_way for each in approved):
                await self._keep(drop_new_root(wrapped))
            return
        mine = [each for each in approved if each.root_id == self.opened_by]
        if not mine:
            raise KeyUnavailable(f"the keys opened under {self.opened_by}, a root that nobody approved")
        under_way = [each for each in mine if each.is_under_way]
        if under_way:
            await self.control.change(
                by=HOST,
                action="root.finish",
                reason="the instance started under the new root",
                plan=lambda registry: _finished(registry, under_way, self.clock().wall),
            )
        await self._keep(leave_old_root(wrapped))

    # ---- inside ------------------------------------------------------------------------------------------------------

    async def _begin(self, name: str) -> None:
        wrapped = begin_epoch(await self.standing(), name)
        await self._keep(wrapped)
        self.keys.take(name, self.keys.epochs)

    async def _keep(self, wrapped: WrappedKeys) -> None:
        await asyncio.to_thread(replace_secret, self.settings.wrapped_keys_path, dump_wrapped(wrapped))

    async def _tell(self, current: str, epochs: Mapping[str, bytes]) -> None:
        for listener in self.listeners:
            await listener(current, epochs)

    def _read(self) -> WrappedKeys:
        path = self.settings.wrapped_keys_path
        try:
            return load_wrapped(path.read_bytes())
        except OSError as error:
            raise KeyUnavailable(f"the wrapped keys {path} cannot be read ({error.strerror})") from error

    def _wrap_anew(self) -> WrappedKeys:
        wrapped = self._read()
        line = self.settings.keys.root
        return wrap_anew(self.keyring, wrapped, self.open_line(line, wrapped.parameters_for(line)))

    def _with_root(self, line: str) -> WrappedKeys:
        return add_root(self.keyring, self._read(), self.open_line(line, None), line)

    def _resealed(self, registry: Registry, epoch: str, key: bytes) -> list[Change]:
        """Return every vendor credential sealed under a new epoch: workers hold no older one."""
        new = replace(self.keys, epoch_id=epoch, epochs={epoch: key})
        return [
            Change(
                kind=Kind.SECRETS,
                id=name,
                record=reseal_credential(self.keys, new, tenant=self.keyring.tenant, identifier=name, body=body),
            )
            for name, body in sorted(registry.secrets.items())
        ]


def propose_move(
    registry: Registry, by: Person, *, move: str, line: str, now: datetime
) -> tuple[Change, ...]:  # fmt: skip
    """Propose to move the keys under another root; another person approves. Raises NotAllowed."""
    require(by, Permission.KEY_CUSTODY)
    check_established(by)
    if clean_id(move, "move id") in registry.root_moves:
        raise taken("move", "Choose another id.")
    if any(each.is_open or each.is_under_way for each in registry.root_moves.values()):
        raise _wrong_status("Another move is not finished.", "Finish it by a restart, or withdraw it.")
    record = RootMove(id=move, line=line, proposed_by=by.id, proposed_at=now, proposed_under=by.access_by)
    return (Change(kind=Kind.ROOT_MOVES, id=move, record=record),)


def approve_move(registry: Registry, by: Person, *, move: str, root_id: str, now: datetime) -> tuple[Change, ...]:
    """Approve what another person proposed. Raises NotAllowed."""
    require(by, Permission.KEY_CUSTODY)
    found = find_open(registry, move)
    note = second_person(registry, by, found.proposed_by, under=found.proposed_under, deed="proposed the move")
    record = replace(found, approved_by=by.id, approved_at=now, root_id=root_id)
    return (Change(kind=Kind.ROOT_MOVES, id=move, record=record, note=note),)


def withdraw_move(registry: Registry, by: Person, *, move: str, opened_by: str) -> tuple[Change, ...]:
    """Withdraw a move that is not finished. Raises NotAllowed, also where the new root opened the instance."""
    require(by, Permission.KEY_CUSTODY)
    found = registry.root_moves.get(move)
    if found is None:
        raise unknown("move", _LIST)
    if not (found.is_open or found.is_under_way) or found.root_id == opened_by:
        raise _wrong_status("The move is finished or withdrawn.", "Propose a move back to the old root.")
    return (Change(kind=Kind.ROOT_MOVES, id=move, record=replace(found, withdrawn_by=by.id)),)


def find_open(registry: Registry, move: str) -> RootMove:
    """Return a proposal that awaits the second person. Raises NotAllowed."""
    found = registry.root_moves.get(move)
    if found is None:
        raise unknown("move", _LIST)
    if not found.is_open:
        raise _wrong_status("The move was approved or withdrawn.", f"`{_LIST}` shows where each stands.")
    return found


def _finished(registry: Registry, moves: Sequence[RootMove], now: datetime) -> tuple[Change, ...]:
    return tuple(
        Change(kind=Kind.ROOT_MOVES, id=each.id, record=replace(registry.root_moves[each.id], finished_at=now))
        for each in moves
    )


def _check_line(line: str, present: str) -> None:
    try:
        parse_root(line)
    except RootMalformed as error:
        raise invalid("root", str(error)) from None
    if line == present:
        raise invalid("root", "another line than `keys.root` has now; `wardkeep keys rewrap` wraps under the same root")


def _try(open_line: RootOpener, line: str, tenant: str) -> None:
    root, key, place = open_line(line, None), new_key(), wrapping_place(tenant, "trial")
    if root.unwrap(root.wrap(key, aad=place), aad=place) != key:
        raise KeyUnavailable(f"{root.key_id} does not give back what it wrapped")


def _wrong_status(what: str, fix: str) -> NotAllowed:
    return NotAllowed("wrong_status", what=what, why="What was decided stands as it is on record.", fix=fix, status=409)
