"""A witness: remembers the newest head it has seen of each log, and cosigns only what continues it.

C2SP tlog-witness. Run by somebody who does not administer the log: then whoever holds the log's machine and signing key
can no longer cut or rewrite what was witnessed without being seen. Check and persist happen in one synchronous step in
one process, under a lock file, so no two requests can both extend the same head; the new head is durable before the
cosignature leaves. Who copies the witness's key can cosign in its name; who rewinds its state makes it forget.

What is refused though the log's own key signed it (shorter, or another history) is kept as evidence: two such notes
prove to anybody that the log's key signed contradicting histories.
"""

import fcntl
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from wardkeep.audit import checkpoint as notes
from wardkeep.audit.checkpoint import Checkpoint, VerifierKey
from wardkeep.audit.cosignature import cosignature_line, text_of, witness_key_text
from wardkeep.audit.errors import NoteInvalid, ProofInvalid, WitnessMisconfigured
from wardkeep.audit.tree import HASH_LENGTH, verify_consistency
from wardkeep.crypto.signing import SigningKey, generate_seed, signing_key
from wardkeep.storage.files import write_whole

MOST_BODY_BYTES: Final = 64 * 1024
_MOST_PROOF_LINES: Final = 63
_MOST_EVIDENCE: Final = 1000
_KEY: Final = "witness.key"
_PUBLIC: Final = "witness.pub"
_LOGS: Final = "logs"
_SEED_BYTES: Final = 32


class Status(IntEnum):
    """What C2SP tlog-witness answers with."""

    OK = 200
    BAD_REQUEST = 400
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    CONFLICT = 409
    TOO_LARGE = 413
    UNPROCESSABLE = 422
    UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said to whoever asked; `event` is for the operator's log and counts."""

    status: Status
    body: bytes = b""
    kind: bytes = b"text/plain; charset=utf-8"
    event: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest cosigned head of one log, and when, for noticing silence."""

    note: bytes
    checkpoint: Checkpoint
    at_unix: int


@dataclass(slots=True, kw_only=True)
class Witness:
    """One witness with its state in memory and on disk. Make it with `open_witness`; use it from one thread."""

    directory: Path
    name: str
    signer: SigningKey
    logs: Mapping[str, VerifierKey]
    now_unix: Callable[[], int]
    seen: dict[str, Seen]
    lock: int
    counts: dict[str, int] = field(default_factory=dict)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request; what it changes is durable before this returns.

        Raises:
            StoreUnavailable: the new head could not be persisted; nothing was cosigned.
        """
        answer = self._add_checkpoint(body)
        self.counts[answer.event] = self.counts.get(answer.event, 0) + 1
        return answer

    def latest(self, origin_hash: str) -> Answer:
        """Return the newest cosigned note of the log whose origin has this SHA-256, so that it can be compared."""
        for origin, seen in self.seen.items():
            if log_hash(origin) == origin_hash:
                return Answer(status=Status.OK, body=seen.note, event="shown")
        return Answer(status=Status.NOT_FOUND, event="unknown_log")

    def accept(self, note: bytes) -> Checkpoint:
        """Take a head that does not continue the one seen, on the word of the witness's own operator.

        For a log that was restored from an older backup. The head seen before is kept as evidence.

        Raises:
            WitnessMisconfigured: it is no note of a known log.
        """
        for key in self.logs.values():
            try:
                stated = notes.verify(note, key)
            except NoteInvalid:
                continue
            before = self.seen.get(stated.origin)
            if before is not None:
                self._keep_evidence(before.note, "replaced")
            self._persist(note, stated)
            return stated
        raise WitnessMisconfigured("the note is not signed by the key of any log that this witness knows")

    def close(self) -> None:
        """Release the state for another process."""
        os.close(self.lock)

    def _add_checkpoint(self, body: bytes) -> Answer:
        request = _parse(body)
        if request is None:
            return Answer(status=Status.BAD_REQUEST, event="malformed")
        old, proof, note = request
        try:
            stated = notes.parse(note)
        except NoteInvalid:
            return Answer(status=Status.BAD_REQUEST, event="malformed")
        key = self.logs.get(stated.origin)
        if key is None:
            return Answer(status=Status.NOT_FOUND, event="unknown_log")
        try:
            notes.verify(note, key)
        except NoteInvalid:
            return Answer(status=Status.FORBIDDEN, event="not_signed")
        if old > stated.size:
            return Answer(status=Status.BAD_REQUEST, event="malformed")
        seen = self.seen.get(stated.origin)
        size = 0 if seen is None else seen.checkpoint.size
        if old != size:
            is_behind = stated.size < size
            if is_behind:
                self._keep_evidence(note, "rolled_back")
            return _conflict(size, "rolled_back" if is_behind else "behind")
        if not self._continues(seen, stated, proof):
            self._keep_evidence(note, "forked")
            if old == stated.size:
                return _conflict(size, "forked")
            return Answer(status=Status.UNPROCESSABLE, event="forked")
        line = self._persist(note, stated)
        return Answer(status=Status.OK, body=line, event="cosigned")

    def _continues(self, seen: Seen | None, stated: Checkpoint, proof: tuple[bytes, ...]) -> bool:
        if seen is None or seen.checkpoint.size == 0:
            return not proof
        try:
            verify_consistency(
                old_size=seen.checkpoint.size,
                old_root=seen.checkpoint.root,
                new_size=stated.size,
                new_root=stated.root,
                proof=proof,
            )
        except ProofInvalid:
            return False
        return True

    def _persist(self, note: bytes, stated: Checkpoint) -> bytes:
        at = self.now_unix()
        line = cosignature_line(self.signer, self.name, note, at)
        text, separator, lines = note.partition(b"\n\n")
        ours = b"".join(each for each in lines.splitlines(keepends=True) if f" {stated.origin} ".encode() in each)
        kept = text + separator + ours + line
        write_whole(self.directory / "seen" / f"{log_hash(stated.origin)}.note", kept)
        self.seen[stated.origin] = Seen(note=kept, checkpoint=stated, at_unix=at)
        return line

    def _keep_evidence(self, note: bytes, event: str) -> None:
        place = self.directory / "evidence"
        file = place / f"{event}-{sha256(text_of(note)).hexdigest()[:32]}.note"
        if not file.exists() and (not place.is_dir() or sum(1 for _ in place.iterdir()) < _MOST_EVIDENCE):
            write_whole(file, note)


def log_hash(origin: str) -> str:
    """Return the name under which a log's state is kept and asked for: an origin may hold any character."""
    return sha256(origin.encode()).hexdigest()


def make_witness(directory: Path, name: str) -> str:
    """Make a witness's key and state; return its published key.

    Raises:
        WitnessMisconfigured: there is one already, or the name cannot stand in a note.
        StoreUnavailable: the directory cannot be written.
    """
    if not name or any(each in name for each in " +\n\t"):
        raise WitnessMisconfigured("a witness's name has no space and no plus sign; a host name is usual")
    if (directory / _KEY).exists():
        raise WitnessMisconfigured(f"there is a witness in {directory} already; its key is never made twice")
    seed = generate_seed()
    text = witness_key_text(VerifierKey(name=name, public=signing_key(seed).public))
    write_whole(directory / _KEY, seed)
    write_whole(directory / _LOGS, b"")
    write_whole(directory / _PUBLIC, text.encode() + b"\n", mode=0o644)
    return text


def add_log(directory: Path, text: str) -> VerifierKey:
    """Let a witness know a log by its published key. Raises WitnessMisconfigured, NoteInvalid, StoreUnavailable."""
    key = notes.parse_verifier_key(text)
    known = _read_logs(directory)
    if known.get(key.name, key) != key:
        raise WitnessMisconfigured("another key stands for this log; a log's key does not change")
    lines = "".join(notes.verifier_key_text(each) + "\n" for each in {**known, key.name: key}.values())
    write_whole(directory / _LOGS, lines.encode())
    return key


def open_witness(directory: Path, now_unix: Callable[[], int]) -> Witness:
    """Open a witness's state and take its lock.

    Raises:
        WitnessMisconfigured: no witness is here, another process has it, or its state does not verify.
    """
    try:
        seed = (directory / _KEY).read_bytes()
        name, _, _ = (directory / _PUBLIC).read_text("utf-8").partition("+")
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise WitnessMisconfigured(
            f"{directory} holds no witness; make one with `wardkeep witness init --home {directory} --name NAME`"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        signer = _signer(seed)
        logs = _read_logs(directory)
        seen = {origin: found for origin, key in logs.items() if (found := _read_seen(directory, key)) is not None}
    except OSError as error:
        os.close(lock)
        raise WitnessMisconfigured("another process serves this witness's state") from error
    except WitnessMisconfigured:
        os.close(lock)
        raise
    return Witness(directory=directory, name=name, signer=signer, logs=logs, now_unix=now_unix, seen=seen, lock=lock)


def _signer(seed: bytes) -> SigningKey:
    if len(seed) != _SEED_BYTES:
        raise WitnessMisconfigured(f"{_KEY} is no witness's key; restore the witness's state")
    return signing_key(seed)


def _read_logs(directory: Path) -> dict[str, VerifierKey]:
    try:
        lines = (directory / _LOGS).read_text("utf-8").split("\n")
        keys = [notes.parse_verifier_key(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError, NoteInvalid) as error:
        raise WitnessMisconfigured(f"{directory / _LOGS} does not list keys of logs") from error
    return {key.name: key for key in keys}


def _read_seen(directory: Path, key: VerifierKey) -> Seen | None:
    file = directory / "seen" / f"{log_hash(key.name)}.note"
    try:
        note = file.read_bytes()
        return Seen(note=note, checkpoint=notes.verify(note, key), at_unix=int(file.stat().st_mtime))
    except FileNotFoundError:
        return None
    except (OSError, NoteInvalid) as error:
        # A witness that forgot would cosign a rewritten history: it must not start on a damaged memory.
        raise WitnessMisconfigured(f"{file} does not verify; restore the witness's state") from error


def _conflict(size: int, event: str) -> Answer:
    return Answer(status=Status.CONFLICT, body=b"%d\n" % size, kind=b"text/x.tlog.size", event=event)


def _parse(body: bytes) -> tuple[int, tuple[bytes, ...], bytes] | None:
    """Return old size, proof and note of an add-checkpoint request; None when it is none."""
    head, separator, note = body.partition(b"\n\n")
    lines = head.split(b"\n")
    old = lines[0].removeprefix(b"old ")
    if not separator or not lines[0].startswith(b"old ") or not old.isdigit() or str(int(old)).encode() != old:
        return None
    try:
        proof = tuple(b64decode(line, validate=True) for line in lines[1:])
    except (ValueError, Base64Error):
        return None
    if len(proof) > _MOST_PROOF_LINES or any(len(each) != HASH_LENGTH for each in proof) or len(old) > 19:
        return None
    return int(old), proof, note
