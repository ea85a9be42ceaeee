"""Amazon Bedrock's runtime: Anthropic's Messages format through InvokeModel, signed with SigV4, streamed in AWS frames.

The credential is `{"access_key_id": ..., "secret_access_key": ..., "session_token": ...}` (the token only with
temporary credentials), or a Bedrock API key, which is sent as a bearer token. The region that is signed is the one the
call enters by (`Deployment.source_region`); where it may be processed is the inference profile's matter.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
import orjson

from wardkeep.crypto.sigv4 import AwsKeys, sign_request
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.providers.conversion import Converted, Converter, Whole, anthropic_error, said_by
from wardkeep.providers.eventstream import Frame, FrameReader
from wardkeep.transport.errors import AnswerInvalid
from wardkeep.transport.pool import Pool, UpstreamRequest

_REQUEST_ID: Final = {b"x-amzn-requestid": b"request-id"}
# Exceptions inside a stream have no status of their own; these are the ones of the same errors outside.
STREAM_STATUSES: Final = {
    "throttlingException": 429,
    "validationException": 400,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
}


class _StoredKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class BedrockAnthropic:
    """`Provider` for `POST {base_url}/model/{model}/invoke` and `/invoke-with-response-stream`."""

    pool: Pool
    clock: Callable[[], Instant]

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        is_stream = opened.routed.safe.permitted.identified.call.wants_stream
        action = "invoke-with-response-stream" if is_stream else "invoke"
        upstream = await post(self.pool, opened, credential, action=action, clock=self.clock)
        if upstream.status >= 400:
            status = upstream.status
            return Converted(upstream, Whole(lambda raw: anthropic_error(status, said_by(raw))), renamed=_REQUEST_ID)
        converter: Converter = AnthropicFrames() if is_stream else Whole(lambda raw: raw)
        return Converted(upstream, converter, renamed=_REQUEST_ID)


async def post(
    pool: Pool, opened: Opened, credential: Secret[str] | None, *, action: str, clock: Callable[[], Instant]
) -> VendorAnswer:
    """Send the routed body to an action of the deployment's model, signed. Raises as `Provider.send`."""
    deployment = opened.routed.deployment
    body = opened.routed.upstream_body
    base = deployment.base_url.rstrip("/")
    path = f"{urlsplit(base).path}/model/{quote(deployment.model, safe='')}/{action}"
    if credential is None or deployment.source_region is None:
        raise RefusalError(Refused(reason=Reason.CREDENTIAL_UNAVAILABLE))
    text = credential.reveal()
    headers: tuple[tuple[str, str | Secret[str]], ...]
    if text.startswith("{"):
        headers = sign_request(
            read_keys(credential),
            method="POST",
            host=urlsplit(base).netloc.lower(),
            path=path,
            body=body,
            region=deployment.source_region,
            service="bedrock",
            at=clock().wall,
        )
    else:
        headers = (("content-type", "application/json"), ("authorization", Secret(f"Bearer {text}")))
    headers = (*headers, *notices_of(opened))
    origin = origin_of(deployment)
    parts = urlsplit(base)
    url = f"{parts.scheme}://{parts.netloc}{path}"
    timeouts = timeouts_of(deployment)
    request = UpstreamRequest(method="POST", url=url, headers=headers, body=body, origin=origin, timeouts=timeouts)
    return await pool.open(request)


def read_keys(credential: Secret[str]) -> AwsKeys:
    """Return the access key in a stored credential.

    Raises:
        RefusalError: it is not one; the sentence does not quote it.
    """
    try:
        stored = msgspec.json.decode(credential.reveal(), type=_StoredKeys)
    except msgspec.DecodeError:
        raise RefusalError(Refused(reason=Reason.CREDENTIAL_UNAVAILABLE)) from None
    return AwsKeys(
        access_key_id=stored.access_key_id,
        secret_access_key=Secret(stored.secret_access_key),
        session_token=None if stored.session_token is None else Secret(stored.session_token),
    )


@dataclass(slots=True)
class AnthropicFrames:
    """Turns the frames of InvokeModelWithResponseStream into the events that they carry, one by one."""

    _frames: FrameReader = field(default_factory=FrameReader)

    def feed(self, data: bytes) -> bytes:
        """Return the events that are whole now."""
        return b"".join([_event(frame) for frame in self._frames.feed(data)])

    def finish(self) -> bytes:
        """Return nothing more. Raises AnswerInvalid for half a frame."""
        self._frames.finish()
        return b""


def _event(frame: Frame) -> bytes:
    if frame.headers.get(":message-type") != "event":
        name = frame.headers.get(":exception-type", "")
        return (
            b"event: error\ndata: " + anthropic_error(STREAM_STATUSES.get(name, 500), said_by(frame.payload)) + b"\n\n"
        )
    try:
        carried = orjson.loads(frame.payload)
        data = base64.b64decode(carried["bytes"], validate=True)
        kind = orjson.loads(data)["type"]
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError):
        raise AnswerInvalid("a frame does not carry an event") from None
    if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable() or b"\n" in data:
        raise AnswerInvalid("a frame does not carry an event")
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
