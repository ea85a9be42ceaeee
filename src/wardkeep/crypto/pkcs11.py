"""A root that is an AES key on a PKCS#11 token (OASIS PKCS#11 2.40): an HSM wraps and unwraps, the key stays there.

CKM_AES_GCM with what the wrapped key is bound to as associated data. The maker's module runs in this process, as the
standard has it; every use of it is a session of its own on a thread that nobody waits for longer than some seconds, so
that an HSM that hangs is an error and not a start that never ends. Needs the extra `pkcs11`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from wardkeep.crypto.errors import KeyHolderFailed, KeyUnavailable
from wardkeep.crypto.wrapping import KEY_LENGTH
from wardkeep.model.roots import Pkcs11Place
from wardkeep.model.sensitive import Secret

T = TypeVar("T")

_NONCE_LENGTH: Final = 12
_TAG_BITS: Final = 128
_SECONDS: Final = 20.0
_FIX: Final = "See that the module, the token's label, the key's label and the PIN are right, and that the HSM answers."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Root:
    """A root on a token, named by the labels of token and key: the members of an HSM cluster share both."""

    place: Pkcs11Place
    pin: Secret[str] = field(repr=False)
    seconds: float = _SECONDS

    @property
    def key_id(self) -> str:
        """Token and key label."""
        return f"pkcs11:{self.place.token}/{self.place.object}"

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return nonce | ciphertext | tag. Raises KeyHolderFailed, also for a key that could leave the token."""
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = self._bounded(lambda: self._sealed(nonce, key, aad))
        if len(sealed) != KEY_LENGTH + _TAG_BITS // 8:
            # Some modules choose the nonce themselves and return it with the rest; what they made is not kept.
            raise KeyHolderFailed("the module does not seal by AES-GCM as PKCS#11 2.40 has it", fix=_FIX)
        return nonce + sealed

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key. Raises KeyUnavailable, KeyHolderFailed."""
        nonce, sealed = blob[:_NONCE_LENGTH], blob[_NONCE_LENGTH:]
        if len(sealed) != KEY_LENGTH + _TAG_BITS // 8:
            raise KeyUnavailable("a wrapped key does not open under this root")
        key = self._bounded(lambda: self._opened(nonce, sealed, aad))
        if len(key) != KEY_LENGTH:
            raise KeyUnavailable("a wrapped key has the wrong length")
        return key

    def describe(self) -> str:
        """Say what module, token and key tell of themselves. Raises KeyHolderFailed."""
        return self._bounded(self._described)

    def _sealed(self, nonce: bytes, key: bytes, aad: bytes) -> bytes:
        import pkcs11  # noqa: PLC0415 - an optional dependency, found by `_key`

        with self._key() as (_, held):
            if held[pkcs11.Attribute.EXTRACTABLE] or not held[pkcs11.Attribute.SENSITIVE]:
                raise KeyHolderFailed(
                    "the key on the token can be exported, so it is no root that stays outside",
                    fix="Make another one there, sensitive and not extractable.",
                )
            return bytes(held.encrypt(key, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=_gcm(nonce, aad)))

    def _opened(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        import pkcs11  # noqa: PLC0415
        from pkcs11 import exceptions  # noqa: PLC0415

        with self._key() as (_, held):
            try:
                return bytes(held.decrypt(sealed, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=_gcm(nonce, aad)))
            except (
                exceptions.EncryptedDataInvalid,
                exceptions.EncryptedDataLenRange,
                exceptions.GeneralError,  # SoftHSM's and others' word for a tag that does not hold
                exceptions.FunctionFailed,
            ) as error:
                raise KeyUnavailable("a wrapped key does not open under this root") from error

    def _described(self) -> str:
        import pkcs11  # noqa: PLC0415

        with self._key() as (session, held):
            token = session.token
            return (
                f"token of {_text(token.manufacturer_id)} (model {_text(token.model)}) says key length "
                f"{held[pkcs11.Attribute.VALUE_LEN] * 8}, extractable "
                f"{'yes' if held[pkcs11.Attribute.EXTRACTABLE] else 'no'}, sensitive "
                f"{'yes' if held[pkcs11.Attribute.SENSITIVE] else 'no'}; PKCS#11 has no word for FIPS: look up the "
                "module's certificate"
            )

    @contextmanager
    def _key(self) -> Iterator[tuple[Any, Any]]:
        """Yield a session and the key in it; the session ends with its use."""
        try:
            import pkcs11  # noqa: PLC0415
            from pkcs11 import exceptions  # noqa: PLC0415
        except ImportError as error:
            raise KeyHolderFailed(
                "a PKCS#11 root needs the extra `pkcs11`", fix="pip install 'wardkeep[pkcs11]'"
            ) from error
        try:
            module = pkcs11.lib(self.place.module)
        except (exceptions.PKCS11Error, OSError, RuntimeError) as error:
            raise KeyHolderFailed(f"the module {self.place.module} cannot be loaded", fix=_FIX) from error
        try:
            token = module.get_token(token_label=self.place.token)
            with token.open(user_pin=self.pin.reveal()) as session:
                held = session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=self.place.object)
                yield session, held
        except exceptions.PKCS11Error as error:
            raise KeyHolderFailed(f"{self.key_id} cannot be used ({type(error).__name__})", fix=_FIX) from error

    def _bounded(self, run: Callable[[], T]) -> T:
        answers: SimpleQueue[T | KeyUnavailable] = SimpleQueue()

        def answer() -> None:
            try:
                answers.put(run())
            except KeyUnavailable as error:
                answers.put(error)

        # A daemon: an HSM's call that never returns must not keep the process from its end.
        Thread(target=answer, name="wardkeep-pkcs11", daemon=True).start()
        try:
            found = answers.get(timeout=self.seconds)
        except Empty:
            raise KeyHolderFailed(f"{self.key_id} did not answer within {self.seconds:g} s", fix=_FIX) from None
        if isinstance(found, KeyUnavailable):
            raise found
        return found


def _gcm(nonce: bytes, aad: bytes) -> Any:
    from pkcs11 import GCMParams  # noqa: PLC0415 - an optional dependency

    return GCMParams(nonce, aad, _TAG_BITS)


def _text(told: str | bytes) -> str:
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return "".join(each for each in text if each.isprintable()).strip("\0 ") or "unknown"
