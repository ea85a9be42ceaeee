"""Ledger entries of the control plane: a PHI-free header, with reasons and records sealed beside it.

What people write (why an agreement is suspended, why an entry is opened) may name a patient, so it is never in a leaf.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from wardkeep.audit.entry import (
    SEALED_FIELD,
    SEALED_TABLE,
    SEALED_VERSION,
    Draft,
    Header,
    Kind,
    encode_body,
    timestamp,
)
from wardkeep.compliance.errors import EntryKeyMissing, EntryShredded, EntryUnopenable
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.errors import CryptoError, KeyDestroyed, UnknownKey
from wardkeep.crypto.mac import sha256
from wardkeep.crypto.subject import is_subject_key
from wardkeep.model.instant import Instant, uuid7
from wardkeep.policy.decide import VERSION as POLICY_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryMaker:
    """What is needed to make and open entries. `keys` with history, to open older ones.

    Its own entries are sealed under the epoch. Those of calls are sealed under subject keys, which `find_key` brings
    (it raises UnknownKey or LedgerUnavailable); without it they are not opened here.
    """

    keys: EpochKeys
    tenant: str
    clock: Callable[[], Instant]
    find_key: Callable[[str], Awaitable[EpochKeys]] | None = None

    def draft(
        self,
        kind: Kind,
        *,
        actor: str,
        detail: dict[str, str | int | bool],
        payload: bytes,
        facts_epoch: int | None = None,
        decision: str | None = None,
        subject: str | None = None,
        purpose: str | None = None,
    ) -> Draft:
        """Return an entry that is ready to append, its payload sealed. `subject` is a blind index."""
        now = self.clock()
        entry_id = uuid7(now.wall_us, secrets.token_bytes(10))
        sealed = seal(
            self.keys,
            plaintext=payload,
            tenant=self.tenant,
            table=SEALED_TABLE,
            record_id=entry_id,
            field=SEALED_FIELD,
            version=SEALED_VERSION,
        )
        header = Header(
            type=kind,
            id=entry_id.hex(),
            at=timestamp(now.wall),
            mono=now.mono_ns,
            boot=now.boot,
            actor=actor,
            subject=subject,
            purpose=purpose,
            policy=POLICY_VERSION,
            epoch=facts_epoch,
            decision=decision,
            ct_sha256=sha256(sealed.ciphertext).hex(),
            ct_len=len(sealed.ciphertext),
            key=sealed.key_id,
            commit=sealed.commitment.hex(),
            detail=detail,
        )
        return Draft(
            id=entry_id, kind=kind, body=encode_body(header), payload=sealed.ciphertext, facts_epoch=facts_epoch
        )

    def opened(self, header: bytes, payload: bytes) -> bytes:
        """Return the plaintext of a stored payload that is sealed under an epoch, as all of the control plane's are.

        Raises:
            EntryUnopenable: the header names no payload, its key is not here, or either was changed.
        """
        return self._opened(self.keys, peek(header), payload)

    async def content(self, header: bytes, payload: bytes) -> bytes:
        """Return the plaintext of any stored payload, also one that is sealed under a subject's key.

        Raises:
            EntryShredded: its subject's key was destroyed.
            EntryKeyMissing: its subject's key is not here, as after a restore without a seal.
            EntryUnopenable: as `opened`.
            LedgerUnavailable: the subject keys cannot be read now.
        """
        named = peek(header)
        if named.key is None or self.find_key is None or not is_subject_key(named.key):
            return self.opened(header, payload)
        try:
            key = await self.find_key(named.key)
        except KeyDestroyed as error:
            raise EntryShredded("the key of this entry's subject was destroyed") from error
        except UnknownKey as error:
            raise EntryKeyMissing("the key of this entry's subject is not here: it was not restored") from error
        return self._opened(key, named, payload)

    def _opened(self, keys: EpochKeys, named: "Peeked", payload: bytes) -> bytes:
        if named.key is None or named.commit is None:
            raise EntryUnopenable("this entry has no sealed payload")
        try:
            return open_(
                keys,
                sealed=Sealed(ciphertext=payload, key_id=named.key, commitment=bytes.fromhex(named.commit)),
                tenant=self.tenant,
                table=SEALED_TABLE,
                record_id=bytes.fromhex(named.id),
                field=SEALED_FIELD,
                version=SEALED_VERSION,
            )
        except (CryptoError, ValueError) as error:
            raise EntryUnopenable("the sealed payload of this entry does not open") from error


class Peeked(msgspec.Struct, frozen=True):
    """The few header fields that opening needs; the rest is not read."""

    type: str
    id: str
    key: str | None = None
    commit: str | None = None


def peek(header: bytes) -> Peeked:
    """Return type, id and sealing of stored leaf bytes. Raises EntryUnopenable."""
    try:
        return msgspec.json.decode(header, type=Peeked)
    except msgspec.DecodeError as error:
        raise EntryUnopenable("the stored header does not parse") from error
