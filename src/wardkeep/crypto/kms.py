"""A root that is a key of AWS KMS: the tenant key goes there to be wrapped, the root never comes here.

The protocol is KMS's JSON 1.1 over HTTPS, signed by `sigv4.py`; no SDK. What a wrapped key is bound to travels as the
encryption context, which KMS authenticates and writes into CloudTrail, so it is a digest. Decrypt names the key: a blob
of another key that the same credentials may use is refused.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from wardkeep.crypto.errors import KeyHolderFailed, KeyUnavailable
from wardkeep.crypto.holder import OK, HolderRequest, Send
from wardkeep.crypto.sigv4 import AwsKeys, sign_request
from wardkeep.crypto.wrapping import KEY_LENGTH
from wardkeep.model.roots import AwsKmsPlace

_CONTEXT: Final = "wardkeep"
_NOT_OURS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_CREDENTIAL: Final = (
    "Give the server AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) that the key's policy allows "
    "kms:Encrypt, kms:Decrypt and kms:DescribeKey."
)
_STATE: Final = "Enable the key in KMS, or cancel its deletion; without it everything sealed is lost."
_FIXES: Final = {
    "AccessDeniedException": _CREDENTIAL,
    "UnrecognizedClientException": _CREDENTIAL,
    "InvalidSignatureException": f"{_CREDENTIAL} See also that this host's clock is right.",
    "IncompleteSignatureException": _CREDENTIAL,
    "ExpiredTokenException": _CREDENTIAL,
    "NotFoundException": "Correct the ARN in `keys.root`: account, region and key id.",
    "DisabledException": _STATE,
    "KMSInvalidStateException": _STATE,
    "KeyUnavailableException": "Wait, or look at the service's state; then start again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKmsRoot:
    """A root in AWS KMS. Its name leaves the region out: a replica of a multi-Region key is the same key."""

    place: AwsKmsPlace
    keys: AwsKeys = field(repr=False)
    send: Send = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)

    @property
    def key_id(self) -> str:
        """Account and key id."""
        return f"aws-kms:{self.place.account}/{self.place.key}"

    def wrap(self, key: bytes, *, aad: bytes) -> bytes:
        """Return `key` wrapped by KMS. Raises KeyHolderFailed."""
        told = self._ask("Encrypt", {"Plaintext": b64encode(key).decode(), "EncryptionContext": _bound(aad)})
        return _bytes(told, "CiphertextBlob")

    def unwrap(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the key. Raises KeyUnavailable, KeyHolderFailed."""
        told = self._ask("Decrypt", {"CiphertextBlob": b64encode(blob).decode(), "EncryptionContext": _bound(aad)})
        key = _bytes(told, "Plaintext")
        if len(key) != KEY_LENGTH:
            raise KeyUnavailable("a wrapped key has the wrong length")
        return key

    def describe(self) -> str:
        """Say what KMS tells of the key, and what the endpoint is called. Raises KeyHolderFailed."""
        told = self._ask("DescribeKey", {}).get("KeyMetadata")
        facts = told if isinstance(told, dict) else {}
        host = urlsplit(self.place.endpoint).hostname or ""
        claim = "is named as a FIPS endpoint" if host.startswith("kms-fips.") else "is not named as a FIPS endpoint"
        return (
            f"AWS KMS says state {facts.get('KeyState', 'unknown')}, origin {facts.get('Origin', 'unknown')}, manager "
            f"{facts.get('KeyManager', 'unknown')}; {host} {claim}, and no validation was checked"
        )

    def _ask(self, operation: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        body = json.dumps({"KeyId": self.place.arn, **fields}).encode()
        headers = sign_request(
            self.keys,
            method="POST",
            host=urlsplit(self.place.endpoint).netloc,
            path="/",
            body=body,
            region=self.place.region,
            service="kms",
            at=self.now(),
            headers={"content-type": "application/x-amz-json-1.1", "x-amz-target": f"TrentService.{operation}"},
        )
        answer = self.send(HolderRequest(method="POST", path="/", headers=headers, body=body))
        if answer.status == OK:
            return answer.document()
        # The kind may carry a namespace: `com.amazonaws.kms#NotFoundException`.
        kind = str(answer.document().get("__type", "")).rpartition("#")[2]
        if kind in _NOT_OURS:
            raise KeyUnavailable("a wrapped key does not open under this root")
        known = kind if kind in _FIXES else f"status {answer.status}"
        raise KeyHolderFailed(
            f"AWS KMS did not {operation} under {self.key_id} ({known})",
            fix=_FIXES.get(kind, "Look at the state of KMS in that region and at CloudTrail, then start again."),
        )


def _bound(aad: bytes) -> dict[str, str]:
    return {_CONTEXT: sha256(aad).hexdigest()}


def _bytes(told: Mapping[str, Any], name: str) -> bytes:
    try:
        return b64decode(told[name], validate=True)
    except (KeyError, TypeError, ValueError, Base64Error):
        # `from None`: the parser's message may quote the text, and the text may be a key
        raise KeyUnavailable(f"AWS KMS answered without {name}") from None
