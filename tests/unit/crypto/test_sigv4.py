"""SigV4 held against botocore, which signs for AWS's own SDK."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from wardkeep.crypto.sigv4 import AwsKeys, sign_request
from wardkeep.model.sensitive import Secret

AT = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)


def right_signature(path: str, body: bytes, headers: dict[str, str], region: str, token: str | None) -> str:
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token), "bedrock", region)
    request = AWSRequest(method="POST", url=f"https://host.example{path}", data=body, headers=headers)
    request.context["timestamp"] = "20260228T235959Z"
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


@pytest.mark.parametrize("token", [None, "a//session+token=="])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-2"])
@pytest.mark.parametrize(
    "path",
    [
        "/model/anthropic.claude-v2/invoke",
        "/model/us.anthropic.claude-sonnet-4%3A0/converse-stream",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse",
    ],
)
@pytest.mark.parametrize("body", [b"", b'{"messages":[]}', '{"t":"\u00e9"}'.encode()])
def test_a_signature_is_what_the_vendors_own_sdk_computes(path, body, region, token):
    keys = AwsKeys(
        access_key_id="AKIDEXAMPLE",
        secret_access_key=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token=None if token is None else Secret(token),
    )
    sent = sign_request(
        keys, method="POST", host="host.example", path=path, body=body, region=region, service="bedrock", at=AT
    )
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in sent}
    signed = {name: value for name, value in plain.items() if name != "authorization"} | {"host": "host.example"}
    assert plain["authorization"].endswith(f"Signature={right_signature(path, body, signed, region, token)}")
    assert f"Credential=AKIDEXAMPLE/20260228/{region}/bedrock/aws4_request" in plain["authorization"]


def test_nothing_secret_shows():
    keys = AwsKeys(
        access_key_id="AKIDEXAMPLE", secret_access_key=Secret("canary-one"), session_token=Secret("canary-two")
    )
    sent = sign_request(keys, method="POST", host="h", path="/", body=b"", region="r", service="s", at=AT)
    assert "canary" not in repr(keys) + repr(sent)
    assert "Signature" not in repr(sent)


def test_further_headers_are_signed_with_the_request():
    keys = AwsKeys(access_key_id="AKIDEXAMPLE", secret_access_key=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.Decrypt"}
    sent = sign_request(
        keys, method="POST", host="host.example", path="/", body=b"{}", region="us-east-1", service="bedrock", at=AT,
        headers=headers,
    )  # fmt: skip
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in sent}
    assert headers.items() <= plain.items()
    signed = {name: value for name, value in plain.items() if name != "authorization"} | {"host": "host.example"}
    assert plain["authorization"].endswith(f"Signature={right_signature('/', b'{}', signed, 'us-east-1', None)}")
