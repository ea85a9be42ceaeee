"""The log's side of witnessing: publish tiles, ask witnesses to cosign, and believe what they remember.

C2SP tlog-witness and tlog-policy. At start every witness of the policy is asked for the newest head it has cosigned: a
log that is shorter, or has another history, is refused, because it was cut, restored from a copy, or forged. While the
instance runs each new head is offered to all; a witness that shows a head which our key signed and our log does not
continue stops the instance (`WitnessDisagrees`). What a witness says without such proof is only an alarm.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from wardkeep.audit import checkpoint as notes
from wardkeep.audit.checkpoint import Checkpoint, VerifierKey
from wardkeep.audit.cosignature import good_lines, with_lines
from wardkeep.audit.errors import LedgerUnavailable, NoteInvalid, ProofInvalid, WitnessDisagrees, WitnessUnreachable
from wardkeep.audit.ledger import Head
from wardkeep.audit.tiles import Leaf, consistency, first_needed, read_checkpoint, write_checkpoint, write_tiles
from wardkeep.audit.tree import verify_consistency
from wardkeep.audit.verify import Policy
from wardkeep.audit.witness import Status, log_hash
from wardkeep.storage.files import write_whole
from wardkeep.transport.errors import TransportError
from wardkeep.transport.pool import Pool, Timeouts, UpstreamRequest

WITNESSED: Final = "witnessed"
_TIMEOUTS: Final = Timeouts(connect_seconds=2.0, read_seconds=4.0, total_seconds=4.0)
_PORTION: Final = 16_384
_MOST_TRIES: Final = 2


class Log(Protocol):
    """What is witnessed: the ledger, on whichever store."""

    async def head(self) -> Head:
        """Return the durable head."""
        ...

    async def leaves(self, start: int, stop: int) -> list[tuple[bytes, bytes]]:
        """Return (header, leaf hash) in order."""
        ...

    async def root_at(self, size: int) -> bytes:
        """Return the root at an earlier size, from the stored entries."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """The witnesses of a policy, over HTTP."""

    policy: Policy
    pool: Pool

    @property
    def key(self) -> VerifierKey:
        """The log's own key."""
        return VerifierKey(name=self.policy.log.name, public=self.policy.log.raw)

    async def remembered(self, name: str) -> Checkpoint | None:
        """Return the newest head that a witness has cosigned, proven by our own signature on it; None for none.

        Raises:
            WitnessUnreachable: it does not answer, or not with a head that our key signed.
        """
        path = f"checkpoint/{log_hash(self.policy.log.name)}"
        status, body = await self._ask(name, "GET", path, b"")
        if status == Status.NOT_FOUND:
            return None
        try:
            if status == Status.OK:
                return notes.verify(body, self.key)
        except NoteInvalid as error:
            raise WitnessUnreachable(f"witness {name} shows a note that our key has not signed") from error
        raise WitnessUnreachable(f"witness {name} answers {status}")

    async def add(self, name: str, old: int, proof: tuple[bytes, ...], note: bytes) -> tuple[int, bytes]:
        """Offer a head; return status and body. Raises WitnessUnreachable."""
        lines = [f"old {old}", *(b64encode(each).decode() for each in proof)]
        return await self._ask(name, "POST", "add-checkpoint", "\n".join(lines).encode() + b"\n\n" + note)

    async def _ask(self, name: str, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        url = self.policy.urls.get(name)
        if url is None:
            raise WitnessUnreachable(f"the policy gives no address for witness {name}")
        request = UpstreamRequest(
            method=method,
            url=f"{url.rstrip('/')}/{path}",
            headers=(("content-type", "text/plain"),) if body else (),
            body=body,
            timeouts=_TIMEOUTS,
        )
        try:
            answer = await self.pool.open(request)
            try:
                return answer.status, b"".join([part async for part in answer.chunks()])
            finally:
                await answer.close()
        except TransportError as error:
            raise WitnessUnreachable(f"witness {name} does not answer ({type(error).__name__})") from error


async def require_current(log: Log, witnesses: Witnesses, *, is_quorum_required: bool = True) -> None:
    """Return when no witness that answers remembers more than this log has, and enough of them answer.

    Raises:
        WitnessDisagrees: the log was cut, restored from an older copy, or is another history.
        WitnessUnreachable: too few witnesses answer for the policy's quorum, and it is required.
    """
    head = await log.head()
    names = list(witnesses.policy.witnesses)
    answers = await asyncio.gather(*(witnesses.remembered(name) for name in names), return_exceptions=True)
    answered: set[str] = set()
    for name, found in zip(names, answers, strict=True):
        if isinstance(found, WitnessUnreachable):
            continue
        if isinstance(found, BaseException):
            raise found
        answered.add(name)
        if found is not None:
            await _require_prefix(log, head, name, found)
    if is_quorum_required and not witnesses.policy.is_met(answered):
        raise WitnessUnreachable(
            f"only {len(answered)} of {len(names)} witnesses answer, too few for the policy's quorum, so nobody can "
            "say whether this log is the newest. Start the witnesses or mend the way to them; in an emergency "
            "`wardkeep serve --unwitnessed` starts all the same, on record"
        )


async def _require_prefix(log: Log, head: Head, name: str, found: Checkpoint) -> None:
    if found.size > head.size:
        raise WitnessDisagrees(
            f"witness {name} has seen {found.size} entries of this log, and here are {head.size}: it was cut, or "
            "restored from an older copy. Put the newest ledger in place; if it is lost, two people acknowledge that "
            "with `wardkeep restore --acknowledge`, and the witness's operator accepts the shorter log"
        )
    if found.size and await log.root_at(found.size) != found.root:
        raise WitnessDisagrees(
            f"witness {name} has cosigned another history of the first {found.size} entries: this log was rewritten "
            "with its own key, or is a copy that went its own way. Keep all files as they are and call the security "
            "officer; `wardkeep verify --archive` names the entry where tiles were kept elsewhere"
        )


@dataclass(slots=True, kw_only=True)
class Publisher:
    """Writes the log's public files and has its heads cosigned. One task uses it."""

    log: Log
    directory: Path
    now_seconds: Callable[[], float]
    witnesses: Witnesses | None = None
    published: int = 0
    witnessed: int = 0
    fresh_at: float = 0.0
    known: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    async def publish(self) -> None:
        """Bring tiles and checkpoint up to the durable head, and have it cosigned.

        Raises:
            WitnessDisagrees: a witness proves that this log is not the one it has seen.
            LedgerUnavailable, StoreUnavailable: the ledger or the directory does not answer; the next turn tries again.
        """
        head = await self.log.head()
        if head.size == 0:
            return
        if self.published == 0:
            self.published = await asyncio.to_thread(_published, self.directory, self.witnesses)
        await self._write(head)
        note = head.note
        if self.witnesses is not None:
            note = await self._cosigned(self.witnesses, head)
        else:
            self.fresh_at = self.now_seconds()
        await asyncio.to_thread(write_checkpoint, self.directory, note)

    @property
    def lag_seconds(self) -> float:
        """How long ago the newest head was last published, and cosigned by a quorum where there are witnesses."""
        return self.now_seconds() - self.fresh_at

    async def _write(self, head: Head) -> None:
        while self.published < head.size:
            start = first_needed(self.published)
            rows = await self.log.leaves(start, min(start + _PORTION, head.size))
            leaves = [Leaf(header=header, hash=leaf) for header, leaf in rows]
            try:
                self.published = await asyncio.to_thread(
                    write_tiles, self.directory, published=self.published, leaves=leaves
                )
            except LedgerUnavailable:
                if self.published == 0:
                    raise
                self.published = 0  # a tile that was there is gone: all of them can be made again

    async def _cosigned(self, witnesses: Witnesses, head: Head) -> bytes:
        names = list(witnesses.policy.witnesses)
        answers = await asyncio.gather(*(self._ask(witnesses, name, head) for name in names))
        lines: dict[str, bytes] = {}
        for answer in answers:
            lines |= answer
        note = with_lines(head.note, lines)
        if witnesses.policy.is_met(set(lines)):
            self.witnessed, self.fresh_at = head.size, self.now_seconds()
            await asyncio.to_thread(write_whole, self.directory / WITNESSED, note)
        return note

    async def _ask(self, witnesses: Witnesses, name: str, head: Head) -> dict[str, bytes]:
        """Offer a head to one witness; return its cosignature, or nothing and note why."""
        for _ in range(_MOST_TRIES):
            old = min(self.known.get(name, 0), head.size)
            try:
                proof = await self._proof(old, head)
                status, body = await witnesses.add(name, old, proof, head.note)
            except WitnessUnreachable:
                self.refusals[name] = "unreachable"
                return {}
            if status == Status.OK:
                lines = good_lines(head.note, body, witnesses.policy)
                self.known[name] = head.size
                self.refusals[name] = "" if name in lines else "false_cosignature"
                return {name: lines[name]} if name in lines else {}
            if status == Status.CONFLICT and body.strip().isdigit() and old != (size := int(body)) <= head.size:
                self.known[name] = size
                continue
            self.refusals[name] = f"status_{status}"
            if status in {Status.CONFLICT, Status.UNPROCESSABLE}:
                await self._compare(witnesses, name, head)
            return {}
        self.refusals[name] = "conflict"
        return {}

    async def _proof(self, old: int, head: Head) -> tuple[bytes, ...]:
        proof = await asyncio.to_thread(consistency, self.directory, old, head.size)
        if 0 < old < head.size:
            try:
                verify_consistency(
                    old_size=old,
                    old_root=await self.log.root_at(old),
                    new_size=head.size,
                    new_root=head.root,
                    proof=proof,
                )
            except ProofInvalid:
                # The tiles are not the ledger's (a crash of the machine may tear one): make all of them again.
                self.published = 0
                await self._rebuild(head)
                return await asyncio.to_thread(consistency, self.directory, old, head.size)
        return proof

    async def _rebuild(self, head: Head) -> None:
        await asyncio.to_thread(_remove_tiles, self.directory)
        await self._write(head)

    async def _compare(self, witnesses: Witnesses, name: str, head: Head) -> None:
        try:
            found = await witnesses.remembered(name)
        except WitnessUnreachable:
            return
        if found is not None:
            await _require_prefix(self.log, head, name, found)


def _published(directory: Path, witnesses: Witnesses | None) -> int:
    """Return the size that the published checkpoint states; what cannot be read is published again."""
    note = read_checkpoint(directory)
    if note is None:
        return 0
    try:
        return (notes.parse(note) if witnesses is None else notes.verify(note, witnesses.key)).size
    except NoteInvalid:
        return 0


def _remove_tiles(directory: Path) -> None:
    for file in sorted((directory / "tile").rglob("*"), reverse=True):
        if file.is_file():
            file.unlink(missing_ok=True)
