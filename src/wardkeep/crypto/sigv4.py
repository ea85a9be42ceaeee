"""AWS Signature Version 4 over one request (AWS General Reference, "Signing AWS API requests").

The payload hash is part of the signature, so a body that was changed on the way is refused by the vendor. The secret
never leaves the process; what travels is a signature that is good for minutes, one region and one service.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

from wardkeep.model.sensitive import Secret

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKeys:
    """An access key, with the token of temporary credentials if they are such."""

    access_key_id: str
    secret_access_key: Secret[str] = field(repr=False)
    session_token: Secret[str] | None = field(default=None, repr=False)


def sign_request(
    keys: AwsKeys,
    *,
    method: str,
    host: str,
    path: str,
    body: bytes,
    region: str,
    service: str,
    at: datetime,
    headers: Mapping[str, str] = _JSON,
) -> tuple[tuple[str, str | Secret[str]], ...]:
    """Return the headers that sign a request without query; `path` is as it stands in the request line.

    `headers` are signed with it, names in lower case: the content type, and what the service asks for (`x-amz-...`).
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    signed = {**headers, "host": host, "x-amz-date": stamp}
    if keys.session_token is not None:
        signed["x-amz-security-token"] = keys.session_token.reveal()
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    # Every service but S3 encodes the path a second time.
    canonical = "\n".join((method, quote(path, safe="/~"), "", lines, names, payload))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.digest(_signing_key(keys, stamp[:8], region, service), to_sign.encode(), "sha256").hex()
    value = f"{_ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    sent: tuple[tuple[str, str | Secret[str]], ...] = (
        *headers.items(),
        ("x-amz-date", stamp),
        ("authorization", Secret(value)),
    )
    return sent if keys.session_token is None else (*sent, ("x-amz-security-token", keys.session_token))


def _signing_key(keys: AwsKeys, day: str, region: str, service: str) -> bytes:
    key = b"AWS4" + keys.secret_access_key.reveal().encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
