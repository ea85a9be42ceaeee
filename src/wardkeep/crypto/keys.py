"""Key custody: root -> tenant -> epoch, purpose keys, and what a worker process is given.

The root (a key file, a passphrase; `pkcs11.py`, `kms.py` and `transit.py` hold it elsewhere) wraps one tenant key. The
tenant key wraps the epoch keys and the ledger's signing seed, and purpose keys are derived from it by HKDF-SHA256
(RFC 5869) with labelled info. A caller keeps `WrappedKeys` in a small file; it is useless without the root. Losing the
root loses every sealed payload.

Nothing here is ever logged; `repr` of every holder shows no bytes. Process memory is protected by `harden.py`.
"""

import json
import os
import secrets
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from wardkeep.crypto.derive import expand, framed
from wardkeep.crypto.errors import KeyFileUnsafe, KeyUnavailable, UnknownKey
from wardkeep.crypto.signing import SigningKey, generate_seed, signing_key
from wardkeep.crypto.subject import SubjectSeal, dump_seal, load_seal
from wardkeep.crypto.wrapping import library_facts, unwrap_key, wrap_key, wrapping_place

_KEY_LENGTH: Final = 32
_RECORD_VERSION: Final = 1

PURPOSE_SURROGATES: Final = "surrogates"
PURPOSE_API_KEYS: Final = "api-keys"
PURPOSE_BLIND_INDEX: Final = "blind-index"
PURPOSE_CONVERSATION: Final = "conversation"


class RootKey(Protocol):
    """Wraps and unwraps 32-byte keys, bound to `aad`; the seam for key file, passphrase, KMS, Vault and PKCS#11.

    Contract: `unwrap(wrap(k, aad), aad) == k`; another `aad`, another root or a changed blob raises `KeyUnavailable`,
    as does a holder that cannot be reached. `wrap` is randomised. `key_id` names the root without revealing it and is
    stable over restarts. Calls may block and are made at start-up and rotation only, never on the call path.
    """

    @property
    def key_id(self) -> str:
        """A public name of this root."""
        ...

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return the wrapped key."""
        ...

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key; raises `KeyUnavailable`."""
        ...

    def describe(self) -> str:
        """Say what its holder tells of itself, FIPS included; nothing is inferred. Raises `KeyUnavailable`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFileRoot:
    """A root of 32 random bytes in a file that only its owner can read. Whoever copies it opens every backup."""

    key_id: str
    _key: bytes = field(repr=False)

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return `key` wrapped under the file's bytes."""
        return wrap_key(self._key, key, aad)

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key. Raises KeyUnavailable."""
        return unwrap_key(self._key, blob, aad)

    def describe(self) -> str:
        """Say what computes with it."""
        return f"32 bytes in a file, used in this process by {library_facts()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseParameters:
    """Argon2id parameters (RFC 9106 section 4, second recommended option) and salt: public, kept beside the keys."""

    salt: bytes
    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseRoot:
    """A root derived from a passphrase by Argon2id. As strong as the passphrase, once the wrapped keys are stolen."""

    key_id: str
    parameters: PassphraseParameters
    _key: bytes = field(repr=False)

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return `key` wrapped under the derived bytes."""
        return wrap_key(self._key, key, aad)

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key. Raises KeyUnavailable, also for a wrong passphrase."""
        return unwrap_key(self._key, blob, aad)

    def describe(self) -> str:
        """Say what computes with it."""
        return f"derived by Argon2id, used in this process by {library_facts()}"


def create_key_file(path: Path) -> KeyFileRoot:
    """Write a new root key file with mode 0600 and return it.

    Raises:
        KeyFileUnsafe: the file exists; a root is never overwritten, because everything sealed under it would be lost.
    """
    return _write_key_file(secrets.token_bytes(_KEY_LENGTH), path)


def _write_key_file(key: bytes, path: Path) -> KeyFileRoot:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileUnsafe(f"{path} exists; move it away first if a new root is really meant") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
    return _key_file_root(key)


def load_key_file(path: Path) -> KeyFileRoot:
    """Return the root kept in `path`.

    Raises:
        KeyUnavailable: the file is absent or cannot be read.
        KeyFileUnsafe: group or world may access it, another user owns it, or it does not hold 32 bytes.
    """
    try:
        # not blocking: a pipe in the file's place must not hang the start
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise KeyUnavailable(f"the root key file {path} cannot be opened ({error.strerror})") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileUnsafe(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyFileUnsafe(f"{path} has mode {mode:04o}: others may use it; run chmod 600")
        if status.st_uid not in (os.geteuid(), 0):
            raise KeyFileUnsafe(f"{path} is owned by another user")
        key = os.read(descriptor, _KEY_LENGTH + 1)
    finally:
        os.close(descriptor)
    if len(key) != _KEY_LENGTH:
        raise KeyFileUnsafe(f"{path} does not hold exactly 32 bytes; restore it from its backup")
    return _key_file_root(key)


def share_of_root(root: KeyFileRoot) -> bytes:
    """Return the bytes of a key file, to be split into shares and for nothing else."""
    return root._key  # noqa: SLF001 - escrow is the one other reader


def restore_key_file(key: bytes, path: Path, *, expected: str) -> KeyFileRoot:
    """Write a root key that came back from its shares; `expected` is the root's public name.

    Raises:
        KeyUnavailable: the shares give another key.
        KeyFileUnsafe: the file exists.
    """
    if len(key) != _KEY_LENGTH or _root_id("file", key) != expected:
        raise KeyUnavailable("the shares do not give back the key that they name")
    return _write_key_file(key, path)


def root_parameters(root: RootKey) -> dict[str, str | int] | None:
    """Return what is public of a passphrase's derivation, to be kept beside what it wraps; None for other roots."""
    if not isinstance(root, PassphraseRoot):
        return None
    return _parameters_document(root.parameters)


def _parameters_document(given: PassphraseParameters) -> dict[str, str | int]:
    return {
        "salt": _text(given.salt), "iterations": given.iterations, "lanes": given.lanes, "memory_kib": given.memory_kib,
    }  # fmt: skip


def read_parameters(given: Mapping[str, str | int]) -> PassphraseParameters:
    """Parse what `root_parameters` gave. Raises KeyUnavailable."""
    try:
        return PassphraseParameters(
            salt=_blob(str(given["salt"])),
            iterations=int(given["iterations"]),
            lanes=int(given["lanes"]),
            memory_kib=int(given["memory_kib"]),
        )
    except (ValueError, KeyError, TypeError, Base64Error) as error:
        raise KeyUnavailable("the parameters of the passphrase are damaged") from error


def new_passphrase_parameters() -> PassphraseParameters:
    """Return default parameters with a fresh random salt."""
    return PassphraseParameters(salt=secrets.token_bytes(16))


def passphrase_root(passphrase: str, parameters: PassphraseParameters) -> PassphraseRoot:
    """Derive the root of a passphrase; costs about 0.1 s and 64 MiB by design.

    Raises:
        KeyUnavailable: the passphrase is empty.
    """
    if not passphrase:
        raise KeyUnavailable("the passphrase is empty")
    key = Argon2id(
        salt=parameters.salt,
        length=_KEY_LENGTH,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    ).derive(passphrase.encode())
    return PassphraseRoot(key_id=_root_id("passphrase", key), parameters=parameters, _key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherWrap:
    """The tenant key under a second root, while the keys move there: either root opens them. `line` names its place."""

    line: str
    root_id: str
    tenant_key: bytes
    passphrase: PassphraseParameters | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKeys:
    """What the caller keeps in a file: wrapped keys only. Lost with no backup, every sealed payload is lost."""

    tenant: str
    root_id: str
    tenant_key: bytes
    current_epoch: str
    epochs: Mapping[str, bytes]
    signing_seed: bytes
    passphrase: PassphraseParameters | None = None
    other: OtherWrap | None = None

    def parameters_for(self, line: str) -> PassphraseParameters | None:
        """Return the passphrase parameters of the root that a line of `model/roots.py` names."""
        return self.other.passphrase if self.other is not None and self.other.line == line else self.passphrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Unwrapped keys of the keeper: never leaves its process. `repr` shows no bytes."""

    tenant: str
    epoch_id: str
    signer: SigningKey
    _tenant_key: bytes = field(repr=False)
    _epochs: Mapping[str, bytes] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class DataKeys:
    """What a worker gets: the current epoch key and purpose keys; no root, tenant or signing key.

    `epochs` holds the current epoch's key, in the keeper all older ones too, so a worker taken over reads no old epoch.
    Not frozen, because an epoch ends while calls go on: whoever holds this sees the next one from `take` on. Readers in
    other threads ask for the id first and then for that id's key, which is never taken away at the same time.
    """

    tenant: str
    epoch_id: str
    epochs: Mapping[str, bytes] = field(repr=False)
    surrogate_key: bytes = field(repr=False)
    api_key_key: bytes = field(repr=False)
    blind_index_key: bytes = field(repr=False)
    conversation_key: bytes = field(repr=False)

    @property
    def epoch_key(self) -> bytes:
        """The current epoch's key."""
        return self.epochs[self.epoch_id]

    def take(self, epoch_id: str, epochs: Mapping[str, bytes]) -> None:
        """Hold these epochs from now on, the one named as the current one. Raises UnknownKey: it is none of them."""
        if epoch_id not in epochs:
            raise UnknownKey(f"no key for epoch {epoch_id} among those to hold")
        self.epochs = {**self.epochs, **epochs}  # both, until the id is changed
        self.epoch_id = epoch_id
        self.epochs = dict(epochs)

    def epoch_key_for(self, key_id: str) -> bytes:
        """Return the key of an epoch. Raises UnknownKey."""
        key = self.epochs.get(key_id)
        if key is None:
            raise UnknownKey(f"no key for epoch {key_id} in this process")
        return key


def create_keyring(root: RootKey, tenant: str, passphrase: PassphraseParameters | None = None) -> WrappedKeys:
    """Return the wrapped keys of a new tenant: tenant key, first epoch `e1` and signing seed, all random."""
    tenant_key = secrets.token_bytes(_KEY_LENGTH)
    return WrappedKeys(
        tenant=tenant,
        root_id=root.key_id,
        tenant_key=root.wrap(tenant_key, aad=wrapping_place(tenant, "tenant")),
        current_epoch="e1",
        epochs={"e1": wrap_key(tenant_key, secrets.token_bytes(_KEY_LENGTH), wrapping_place(tenant, "epoch", "e1"))},
        signing_seed=wrap_key(tenant_key, generate_seed(), wrapping_place(tenant, "signing")),
        passphrase=passphrase,
    )


def open_keyring(root: RootKey, wrapped: WrappedKeys) -> Keyring:
    """Return the unwrapped keys.

    Raises:
        KeyUnavailable: another root wrapped them, or the record is damaged.
    """
    blob, other = wrapped.tenant_key, wrapped.other
    if root.key_id != wrapped.root_id:
        if other is None or root.key_id != other.root_id:
            raise KeyUnavailable(f"the keys are wrapped under root {wrapped.root_id}, not under {root.key_id}")
        blob = other.tenant_key
    if wrapped.current_epoch not in wrapped.epochs:
        raise KeyUnavailable("the key record does not hold its own current epoch")
    tenant = wrapped.tenant
    tenant_key = root.unwrap(blob, aad=wrapping_place(tenant, "tenant"))
    epochs = {
        name: unwrap_key(tenant_key, blob, wrapping_place(tenant, "epoch", name))
        for name, blob in wrapped.epochs.items()
    }
    seed = unwrap_key(tenant_key, wrapped.signing_seed, wrapping_place(tenant, "signing"))
    return Keyring(
        tenant=tenant,
        epoch_id=wrapped.current_epoch,
        signer=signing_key(seed),
        _tenant_key=tenant_key,
        _epochs=epochs,
    )


def purpose_key(keyring: Keyring, purpose: str) -> bytes:
    """Return the 32-byte key for one purpose; two purposes never share a key (RFC 5869 section 3.2, info)."""
    return expand(keyring._tenant_key, b"wardkeep/purpose/1" + framed(keyring.tenant.encode(), purpose.encode()))  # noqa: SLF001


def keep_seal(keyring: Keyring, seal: SubjectSeal) -> bytes:
    """Return the subject keys' seal as text for a file of its own, wrapped under the tenant key."""
    return dump_seal(keyring._tenant_key, keyring.tenant, seal)  # noqa: SLF001 - the keyring's only reader


def open_seal(keyring: Keyring, raw: bytes) -> SubjectSeal:
    """Parse what `keep_seal` gave. Raises KeyUnavailable."""
    return load_seal(keyring._tenant_key, keyring.tenant, raw)  # noqa: SLF001 - the keyring's only reader


def data_keys(keyring: Keyring, *, with_history: bool = False) -> DataKeys:
    """Return what a worker may hold; `with_history` adds older epochs, for the keeper's own reading."""
    epochs = keyring._epochs  # noqa: SLF001 - the keyring's only reader
    return DataKeys(
        tenant=keyring.tenant,
        epoch_id=keyring.epoch_id,
        epochs=epochs if with_history else {keyring.epoch_id: epochs[keyring.epoch_id]},
        surrogate_key=purpose_key(keyring, PURPOSE_SURROGATES),
        api_key_key=purpose_key(keyring, PURPOSE_API_KEYS),
        blind_index_key=purpose_key(keyring, PURPOSE_BLIND_INDEX),
        conversation_key=purpose_key(keyring, PURPOSE_CONVERSATION),
    )


def dump_wrapped(wrapped: WrappedKeys) -> bytes:
    """Return the record as JSON text for a small file; it holds wrapped keys only."""
    document: dict[str, object] = {
        "version": _RECORD_VERSION,
        "tenant": wrapped.tenant,
        "root_id": wrapped.root_id,
        "tenant_key": _text(wrapped.tenant_key),
        "current_epoch": wrapped.current_epoch,
        "epochs": {name: _text(blob) for name, blob in wrapped.epochs.items()},
        "signing_seed": _text(wrapped.signing_seed),
    }
    if wrapped.passphrase is not None:
        document["passphrase"] = _parameters_document(wrapped.passphrase)
    if (other := wrapped.other) is not None:
        document["other"] = {
            "line": other.line,
            "root_id": other.root_id,
            "tenant_key": _text(other.tenant_key),
            "passphrase": None if other.passphrase is None else _parameters_document(other.passphrase),
        }
    return json.dumps(document, indent=1).encode() + b"\n"


def load_wrapped(raw: bytes) -> WrappedKeys:
    """Parse what `dump_wrapped` gave.

    Raises:
        KeyUnavailable: the text is damaged or of a later version.
    """
    try:
        document = json.loads(raw)
        if document["version"] != _RECORD_VERSION:
            raise KeyUnavailable("the key record was written by a later version")
        given, other = document.get("passphrase"), document.get("other")
        return WrappedKeys(
            tenant=str(document["tenant"]),
            root_id=str(document["root_id"]),
            tenant_key=_blob(document["tenant_key"]),
            current_epoch=str(document["current_epoch"]),
            epochs={str(name): _blob(text) for name, text in document["epochs"].items()},
            signing_seed=_blob(document["signing_seed"]),
            passphrase=None if given is None else read_parameters(given),
            other=None
            if other is None
            else OtherWrap(
                line=str(other["line"]),
                root_id=str(other["root_id"]),
                tenant_key=_blob(other["tenant_key"]),
                passphrase=None if other["passphrase"] is None else read_parameters(other["passphrase"]),
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, Base64Error) as error:
        raise KeyUnavailable("the key record is damaged; restore it from its backup") from error


def dump_data_keys(keys: DataKeys) -> bytes:
    """Return the keys in clear, for the private channel from keeper to worker only. Never written to a file."""
    return json.dumps(
        {
            "tenant": keys.tenant,
            "epoch_id": keys.epoch_id,
            "epochs": {name: _text(key) for name, key in keys.epochs.items()},
            "keys": [
                _text(key)
                for key in (keys.surrogate_key, keys.api_key_key, keys.blind_index_key, keys.conversation_key)
            ],
        }
    ).encode()


def load_data_keys(raw: bytes) -> DataKeys:
    """Parse what `dump_data_keys` gave.

    Raises:
        KeyUnavailable: the message is malformed.
    """
    try:
        document = json.loads(raw)
        surrogate, api_key, blind_index, conversation = (_blob(text) for text in document["keys"])
        epochs = {str(name): _blob(text) for name, text in document["epochs"].items()}
        epochs[document["epoch_id"]]
        return DataKeys(
            tenant=str(document["tenant"]),
            epoch_id=str(document["epoch_id"]),
            epochs=epochs,
            surrogate_key=surrogate,
            api_key_key=api_key,
            blind_index_key=blind_index,
            conversation_key=conversation,
        )
    except (ValueError, KeyError, TypeError, AttributeError, Base64Error):
        # `from None`: the parser's message may quote the text, and the text is key material
        raise KeyUnavailable("the keeper's key message is malformed") from None


def _key_file_root(key: bytes) -> KeyFileRoot:
    return KeyFileRoot(key_id=_root_id("file", key), _key=key)


def _root_id(kind: str, key: bytes) -> str:
    """Name a root by a one-way tag of its own: derived, so it reveals nothing about the wrapping key."""
    return f"{kind}:{sha256(expand(key, b'wardkeep/root-id/1')).hexdigest()[:16]}"


def _text(blob: bytes) -> str:
    return b64encode(blob).decode()


def _blob(text: str) -> bytes:
    return b64decode(text, validate=True)
