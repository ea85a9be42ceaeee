"""A root that is a key of HashiCorp Vault's transit engine: the tenant key goes there to be wrapped.

What a wrapped key is bound to stands before it in what Vault seals: associated data is unknown to older versions, which
would ignore it without a word. The key is looked at before anything is wrapped: Vault makes a missing one on the fly
where its policy allows, and one that can be exported is no root outside of this machine.
"""

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from wardkeep.crypto.errors import KeyHolderFailed, KeyUnavailable
from wardkeep.crypto.holder import OK, HolderAnswer, HolderRequest, Send
from wardkeep.crypto.wrapping import KEY_LENGTH
from wardkeep.model.roots import VaultPlace
from wardkeep.model.sensitive import Secret

_SEALING_TYPES: Final = frozenset({"aes256-gcm96", "chacha20-poly1305", "aes128-gcm96"})
_BOUND_LENGTH: Final = 32
_REFUSED: Final = 400
_NO_CONTENT: Final = 204
_HEALTHY: Final = (OK, 429, 472, 473)
_FIXES: Final = {
    307: "This node is a standby: name the active one, or the cluster's load balancer, in `keys.root`.",
    403: "Give the server a token or AppRole whose policy allows read on keys/KEY, and update on encrypt/KEY and "
    "decrypt/KEY of that mount; see that it has not expired.",
    404: "Correct mount, key or namespace in `keys.root`, or make the key: vault write -f MOUNT/keys/KEY.",
    503: "Vault is sealed or in maintenance: have its operators unseal it, then start again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCredential:
    """A token, or the two halves of an AppRole, which is exchanged for one."""

    token: Secret[str] | None = None
    role_id: Secret[str] | None = None
    secret_id: Secret[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultRoot:
    """A root in Vault. Its name leaves the address out: the same cluster may be reached by another."""

    place: VaultPlace
    credential: VaultCredential = field(repr=False)
    send: Send = field(repr=False)

    @property
    def key_id(self) -> str:
        """Namespace, mount and key."""
        space = f"{self.place.namespace}/" if self.place.namespace else ""
        return f"vault:{space}{self.place.mount}/{self.place.key}"

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return `key` wrapped under the newest version of Vault's key. Raises KeyHolderFailed."""
        headers = self._headers()
        _demand_sealing(self._key(headers))
        told = self._write("encrypt", {"plaintext": b64encode(sha256(aad).digest() + key).decode()}, headers)
        ciphertext = told.get("ciphertext")
        if not isinstance(ciphertext, str) or not ciphertext.startswith("vault:v"):
            raise KeyUnavailable("Vault answered without ciphertext")
        return ciphertext.encode()

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key. Raises KeyUnavailable, KeyHolderFailed."""
        try:
            told = self._write("decrypt", {"ciphertext": blob.decode("ascii")}, self._headers())
            plain = b64decode(told["plaintext"], validate=True)
        except (KeyError, TypeError, ValueError, Base64Error):
            # `from None`: the parser's message may quote the text, and the text may be a key
            raise KeyUnavailable("a wrapped key does not open under this root") from None
        bound, key = plain[:_BOUND_LENGTH], plain[_BOUND_LENGTH:]
        if not hmac.compare_digest(bound, sha256(aad).digest()) or len(key) != KEY_LENGTH:
            raise KeyUnavailable("a wrapped key does not open under this root")
        return key

    def describe(self) -> str:
        """Say what Vault tells of itself and of the key. Raises KeyHolderFailed."""
        health = self.send(HolderRequest(method="GET", path="/v1/sys/health", headers=()))
        version = str(health.document().get("version", "unknown")) if health.status in _HEALTHY else "unknown"
        key = self._key(self._headers())
        claim = "its version names a FIPS build" if "fips" in version else "its version names no FIPS build"
        return (
            f"Vault {version} says key type {key.get('type', 'unknown')}, version {key.get('latest_version', '?')}, "
            f"exportable {'yes' if key.get('exportable') else 'no'}; {claim}, and no validation was checked"
        )

    def _key(self, headers: tuple[tuple[str, str | Secret[str]], ...]) -> Mapping[str, Any]:
        path = f"/v1/{self.place.mount}/keys/{self.place.key}"
        return self._data(self.send(HolderRequest(method="GET", path=path, headers=headers)), "read")

    def _write(
        self, verb: str, fields: Mapping[str, str], headers: tuple[tuple[str, str | Secret[str]], ...]
    ) -> Mapping[str, Any]:
        path = f"/v1/{self.place.mount}/{verb}/{self.place.key}"
        return self._data(
            self.send(HolderRequest(method="POST", path=path, headers=headers, body=json.dumps(fields).encode())), verb
        )

    def _data(self, answer: HolderAnswer, verb: str) -> Mapping[str, Any]:
        if answer.status == _REFUSED and verb == "decrypt":
            raise KeyUnavailable("a wrapped key does not open under this root")
        if answer.status not in {OK, _NO_CONTENT}:
            raise self._failed(verb, answer.status)
        data = answer.document().get("data")
        return data if isinstance(data, dict) else {}

    def _headers(self) -> tuple[tuple[str, str | Secret[str]], ...]:
        space: tuple[tuple[str, str | Secret[str]], ...] = (
            ("content-type", "application/json"),
            *((("x-vault-namespace", self.place.namespace),) if self.place.namespace else ()),
        )
        token = self.credential.token
        return (*space, ("x-vault-token", self._logged_in(space) if token is None else token))

    def _logged_in(self, space: tuple[tuple[str, str | Secret[str]], ...]) -> Secret[str]:
        """Exchange the AppRole for a token, which Vault ends by its own time to live."""
        role, secret = self.credential.role_id, self.credential.secret_id
        assert role is not None
        assert secret is not None
        body = json.dumps({"role_id": role.reveal(), "secret_id": secret.reveal()}).encode()
        path = f"/v1/auth/{self.place.auth_mount}/login"
        answer = self.send(HolderRequest(method="POST", path=path, headers=space, body=body))
        if answer.status != OK:
            # 400 is Vault's word for a role or secret id that it does not know.
            raise self._failed("log in by AppRole", 403 if answer.status == _REFUSED else answer.status)
        auth = answer.document().get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if not isinstance(token, str):
            raise self._failed("log in by AppRole", answer.status)
        return Secret(token)

    def _failed(self, verb: str, status: int) -> KeyHolderFailed:
        return KeyHolderFailed(
            f"Vault did not {verb} under {self.key_id} (status {status})",
            fix=_FIXES.get(status, "Look at Vault's own log and state, then start again."),
        )


def _demand_sealing(key: Mapping[str, Any]) -> None:
    if key.get("type") not in _SEALING_TYPES or key.get("derived"):
        raise KeyHolderFailed(
            "the key in Vault cannot wrap (its type does not authenticate, or it is a derived key)",
            fix="Make one of type aes256-gcm96: vault write -f MOUNT/keys/KEY type=aes256-gcm96.",
        )
    if key.get("exportable") or key.get("allow_plaintext_backup"):
        raise KeyHolderFailed(
            "the key in Vault can be exported, so it is no root that stays outside",
            fix="Make another one: vault write -f MOUNT/keys/KEY exportable=false allow_plaintext_backup=false.",
        )
