"""The clouds as a real process: Azure OpenAI, Amazon Bedrock and Google Vertex at the protocol's level.

`python tests/simulators/clouds.py --port-file F`. The models are those of `wardkeep.demo.simulator`; the credentials,
addresses, framings and errors are each platform's own. Signatures are checked with botocore, assertions with the public
key in the file that $SIM_GOOGLE_PUBLIC_KEY names. `POST /_sim/keys` changes what is accepted from then on.
"""

import base64
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.simulators.cloud_settings import CloudSettings
from tests.simulators.converse import converse_body, converse_events, read_converse
from tests.simulators.responses import read_response, response_body, response_events

from wardkeep.demo import sim_anthropic, sim_openai
from wardkeep.demo.sim_behaviour import RejectedError
from wardkeep.demo.sim_words import Stamp
from wardkeep.demo.simulator import Outcome, Seen, Simulator, main

AZURE_KEY = "azure-sim-key-0123456789"
AWS_ID = "AKIASIMULATED0000001"
AWS_SECRET = "aws-sim-secret/0123456789+abcdef"
BEDROCK_KEY = "bedrock-api-key-simulated"
REGION = "us-test-1"

_BEDROCK = re.compile(
    r"/model/(?P<model>[^/]+)/(?P<action>invoke|invoke-with-response-stream|converse|converse-stream)"
)
_VERTEX = re.compile(r"/v1/projects/[^/]+/locations/[^/]+/(?P<rest>.+)")
_AZURE = re.compile(r"/openai/deployments/(?P<model>[^/]+)/chat/completions")
_ERRORS = {
    400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
    404: "ResourceNotFoundException", 429: "ThrottlingException", 500: "InternalServerException",
    503: "ServiceUnavailableException", 529: "ServiceUnavailableException",
}  # fmt: skip
_GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


def refuse(status: int, message: str) -> NoReturn:
    """Refuse as the platform that is spoken to."""
    raise RejectedError(status, message)


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of an AWS event stream."""
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, value: Any) -> bytes:
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(named, orjson.dumps(value))


@dataclass(slots=True, kw_only=True)
class Clouds(Simulator):
    """Three platforms beside the two vendors."""

    keys: dict[str, str] = field(
        default_factory=lambda: {"azure": AZURE_KEY, "aws_id": AWS_ID, "aws_secret": AWS_SECRET, "bedrock": BEDROCK_KEY}
    )
    granted: set[str] = field(default_factory=set)
    reported_region: str = "East US"
    settings: CloudSettings = field(default_factory=CloudSettings)

    def _control(self, request: Seen) -> Outcome:
        if request.path == "/_sim/keys":
            changes = orjson.loads(request.body)
            self.reported_region = changes.pop("reported_region", self.reported_region)
            self.keys.update(changes)
            return Outcome(body=b"{}")
        if request.path == "/_sim/settings":
            self.settings.change(orjson.loads(request.body))
            return Outcome(body=b"{}")
        if request.path == "/_sim/revoke":
            self.granted.clear()
            return Outcome(body=b"{}")
        return Simulator._control(self, request)

    def _answer(self, request: Seen) -> Outcome:
        serial = next(self.serials)
        if (told := self.settings.told(request, self._refused_aws, self.granted)) is not None:
            return told
        if found := _BEDROCK.fullmatch(request.path):
            return self._bedrock(request, unquote(found["model"]), found["action"], serial)
        if request.path == "/token":
            return self._grant(request, serial)
        if found := _VERTEX.fullmatch(request.path):
            return self._vertex(request, unquote(found["rest"]), serial)
        if request.path in {"/v1/responses", "/openai/v1/responses"}:
            return self._responses(request, serial)
        if request.path.endswith("/embeddings") and request.path != "/v1/embeddings":
            return Outcome(body=sim_openai.embeddings_body({"model": "sim-embed", **orjson.loads(request.body)}))
        if request.path.startswith("/openai/"):
            return self._azure(request, serial)
        return Simulator._answer(self, request)

    # -- Azure

    def _azure(self, request: Seen, serial: int) -> Outcome:
        headers = ((b"x-ms-region", self.reported_region.encode()), (b"apim-request-id", f"req-{serial}".encode()))
        try:
            if request.header("api-key") != self.keys["azure"]:
                refuse(401, "Access denied due to invalid subscription key or wrong API endpoint.")
            body = orjson.loads(request.body)
            if found := _AZURE.fullmatch(request.path):
                if "api-version" not in parse_qs(urlsplit(request.target).query):
                    refuse(404, "Resource not found")
                body["model"] = unquote(found["model"])
            elif request.path != "/openai/v1/chat/completions":
                refuse(404, "Resource not found")
            return self._chat(sim_openai.read_chat(body), headers, serial)
        except RejectedError as rejected:
            return Outcome(status=rejected.status, headers=headers, body=sim_openai.error_body(rejected))

    def _responses(self, request: Seen, serial: int) -> Outcome:
        try:
            keys = {f"Bearer {self.openai_key}", self.keys["azure"]}
            if (request.header("api-key") or request.header("authorization")) not in keys:
                refuse(401, "Incorrect API key provided.")
            body = orjson.loads(request.body)
            prompt = read_response(body)
        except RejectedError as rejected:
            return Outcome(status=rejected.status, body=sim_openai.error_body(rejected))
        reply, stamp = self._compose(prompt), Stamp(serial=serial, created=1)
        if not prompt.stream:
            return self._shaped(prompt, (), body=response_body(body, reply, prompt, stamp))
        return self._shaped(prompt, (), events=response_events(body, reply, prompt, stamp, self.behaviour))

    # -- Bedrock

    def _bedrock(self, request: Seen, model_id: str, action: str, serial: int) -> Outcome:
        headers = ((b"x-amzn-requestid", f"{serial:08x}-sim".encode()),)
        model = model_id.rsplit(".", 1)[-1].removesuffix("-v1:0")
        is_stream = action.endswith("stream")
        try:
            self._check_aws(request)
            body = orjson.loads(request.body)
            if action.startswith("converse"):
                prompt = read_converse(body, model, stream=is_stream)
            else:
                if body.pop("anthropic_version", None) != "bedrock-2023-05-31" or {"model", "stream"} & body.keys():
                    refuse(400, "Malformed input request: extraneous key")
                body.pop("anthropic_beta", None)
                body |= {"model": model, "stream": is_stream}
                prompt = sim_anthropic.read_messages(body, version="2023-06-01", beta=False)
            status = prompt.model.removeprefix("sim-error-")
            if status.isdigit():
                refuse(int(status), f"refused: {prompt.user_text[:60]}")
        except RejectedError as rejected:
            named = ((b"x-amzn-errortype", f"{_ERRORS[rejected.status]}:http://internal.amazon.com/".encode()),)
            said = orjson.dumps({"message": rejected.message})
            return Outcome(status=rejected.status, headers=headers + named, body=said)
        reply, stamp = self._compose(prompt), Stamp(serial=serial, created=0)
        if not is_stream:
            whole = converse_body if action == "converse" else sim_anthropic.message_body
            return self._shaped(prompt, headers, body=whole(reply, prompt, stamp))
        if action == "converse-stream":
            events = (event(kind, value) for kind, value in converse_events(reply, prompt, stamp, self.behaviour))
        else:
            events = self._anthropic_frames(sim_anthropic.message_events(reply, prompt, stamp, self.behaviour))
        throttled = {":exception-type": "throttlingException", ":message-type": "exception"}
        return self._shaped(
            prompt, headers, events=events, failure=frame(throttled, b'{"message":"Too many requests"}')
        )

    def _anthropic_frames(self, events: Iterator[bytes]) -> Iterator[bytes]:
        for one in events:
            data = next(line[6:] for line in one.split(b"\n") if line.startswith(b"data: "))
            yield event("chunk", {"bytes": base64.b64encode(data).decode(), "p": "abcdefgh"})

    def _refused_aws(self, request: Seen, regions: frozenset[str]) -> bool:
        """Whether the interface for administrators refuses the signature; it is signed for the region that is asked."""
        try:
            self._check_aws(request, regions)
        except RejectedError:
            return True
        return False

    def _check_aws(self, request: Seen, regions: frozenset[str] = frozenset({REGION})) -> None:
        given = request.header("authorization")
        if given.startswith("Bearer "):
            if given != f"Bearer {self.keys['bedrock']}":
                refuse(403, "Authentication failed: Please make sure your API Key is valid.")
            return
        named = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+)/(\d{8})/([\w-]+)/bedrock/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            given,
        )
        if named is None or named[1] != self.keys["aws_id"] or named[3] not in regions:
            refuse(403, "The security token included in the request is invalid.")
        signer = SigV4Auth(Credentials(named[1], self.keys["aws_secret"]), "bedrock", named[3])
        headers = {name: request.header(name) for name in named[4].split(";")}
        asked = AWSRequest(
            method=request.method,
            url=f"http://{request.header('host')}{request.target}",
            data=request.body,
            headers=headers,
        )
        asked.context["timestamp"] = request.header("x-amz-date")
        right = signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked)
        if right != named[5] or not {"host", "x-amz-date"} <= set(named[4].split(";")):
            refuse(403, "The request signature we calculated does not match the signature you provided.")

    # -- Vertex

    def _grant(self, request: Seen, serial: int) -> Outcome:
        form = parse_qs(request.body.decode())
        head, claims, signature = form["assertion"][0].split(".")

        def raw(part: str) -> bytes:
            return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

        public = load_pem_public_key(Path(os.environ["SIM_GOOGLE_PUBLIC_KEY"]).read_bytes())
        try:
            public.verify(raw(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        except Exception:
            return Outcome(status=400, body=b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}')
        stated = orjson.loads(raw(claims))
        if (
            stated["exp"] - stated["iat"] > 3600
            or not stated["aud"].endswith("/token")
            or "cloud" not in stated["scope"]
        ):
            return Outcome(status=400, body=b'{"error":"invalid_grant"}')
        token = f"ya29.simulated-{serial}"
        self.granted.add(token)
        return Outcome(body=orjson.dumps({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))

    def _vertex(self, request: Seen, rest: str, serial: int) -> Outcome:
        try:
            if request.header("authorization").removeprefix("Bearer ") not in self.granted:
                refuse(401, "Request had invalid authentication credentials.")
            body = orjson.loads(request.body)
            if rest == "endpoints/openapi/chat/completions":
                body["model"] = body["model"].removeprefix("google/")
                if "store" in body:
                    refuse(400, "Invalid JSON payload received. Unknown name store.")
                return self._chat(sim_openai.read_chat(body), (), serial)
            found = re.fullmatch(r"publishers/anthropic/models/([^:]+):(rawPredict|streamRawPredict)", rest)
            if found is None:
                refuse(404, "Not found")
            if body.pop("anthropic_version", None) != "vertex-2023-10-16" or "model" in body:
                refuse(400, "anthropic_version: Field required")
            body["model"] = found[1]
            prompt = sim_anthropic.read_messages(body, version="2023-06-01", beta=False)
            return self._message(prompt, ((b"request-id", f"req_vrtx_{serial}".encode()),), serial)
        except RejectedError as rejected:
            google = {"code": rejected.status, "message": rejected.message, "status": _GOOGLE.get(rejected.status, "X")}
            body = {"error": google}
            return Outcome(status=rejected.status, body=orjson.dumps([body] if rest.startswith("endpoints") else body))


if __name__ == "__main__":
    main(kind=Clouds)
