"""The simulated vendor inside a simulated enclave: TLS, and evidence for its TLS key, good or bad in one named way.

``python -m tests.simulators.attested_vendor`` takes the simulator's own options; `SIM_ENCLAVE` names the directory of
its keys, of `server.crt`, and of `ark.pem`, which it writes. ``GET /_sim/evidence?say=WAY`` chooses how evidence is
given from now on; ``GET /.well-known/attestation?nonce=HEX`` gives it, and is not among what the vendor has seen.
"""

import base64
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from tests.simulators.evidence import DAY, PCRS, NitroSigner, SnpSigner, der

from wardkeep.demo.simulator import Simulator, main

NITRO_WAYS = {
    "expired": "validity",
    "stale": "validity",
    "debug": "debug",
    "nonce": "nonce",
    "replay": "nonce",
    "key": "peer_key",
    "measurement": "measurement",
    "signature": "signature",
    "garbage": "format",
    "empty": "format",
    "surplus": "format",
    "snp": "kind",
    "status": None,
    "large": None,
}
"""Ways to be bad, and the check that each fails; None gives no evidence at all."""
SNP_WAYS = {
    "snp-milan": "product",
    "snp-debug": "debug",
    "snp-vmpl": "policy",
    "snp-old": "tcb",
    "snp-measurement": "measurement",
    "good": "kind",
}


def make_keys(directory: Path) -> None:
    """Write a Nitro signer's keys and its root for the process, and for rules."""
    signer = NitroSigner()
    for name in ("root", "zone", "leaf"):
        key = getattr(signer, f"{name}_key")
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / f"{name}.key").write_bytes(pem)
    (directory / "root.pem").write_bytes(signer.root.public_bytes(Encoding.PEM))


def signer_of(directory: Path) -> NitroSigner:
    keys = {
        f"{name}_key": load_pem_private_key((directory / f"{name}.key").read_bytes(), None)
        for name in ("root", "zone", "leaf")
    }
    signer = NitroSigner(**keys)
    signer.root = x509.load_pem_x509_certificate((directory / "root.pem").read_bytes())
    return signer


class Enclave(Simulator):
    """The simulator, which also answers for what it runs on."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        directory = Path(os.environ["SIM_ENCLAVE"])
        self.signer = signer_of(directory)
        self.products = {product: SnpSigner(product=product) for product in ("Genoa", "Milan")}
        (directory / "ark.pem").write_bytes(
            b"".join(each.ark().public_bytes(Encoding.PEM) for each in self.products.values())
        )
        self.peer_key = peer_key(directory / "server.crt")
        self.way = "good"
        self.asked = 0
        self.kept = b""

    async def __call__(self, scope, receive, send) -> None:
        if scope["path"] == "/_sim/evidence":
            self.way = parse_qs(scope["query_string"].decode()).get("say", [self.way])[0]
            await say(send, 200, json.dumps({"asked": self.asked}).encode())
        elif scope["path"] == "/.well-known/attestation":
            self.asked += 1
            await self.evidence(scope, send)
        else:
            await super().__call__(scope, receive, send)

    async def evidence(self, scope, send) -> None:
        nonce = bytes.fromhex(parse_qs(scope["query_string"].decode())["nonce"][0])
        if self.way == "status":
            await say(send, 500, b"{}")
        elif self.way in {"garbage", "empty", "large"}:
            await say(send, 200, {"garbage": b"\xff\x00{", "empty": b"", "large": b" " * 600_000}[self.way])
        else:
            await say(send, 200, json.dumps(self.said(nonce)).encode())

    def said(self, nonce: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        signer, key = self.signer, self.peer_key
        signer.now, signer.days = now, DAY
        if self.way.startswith("snp"):
            return self.snp(nonce)
        changes: dict[str, object] = {}
        match self.way:
            case "expired":
                signer.days = timedelta(seconds=-1)
            case "stale":
                changes = {"timestamp": int((now - timedelta(minutes=10)).timestamp() * 1000)}
            case "debug":
                changes = {"pcrs": {**PCRS, 0: bytes(48), 1: bytes(48), 2: bytes(48)}}
            case "nonce":
                nonce = os.urandom(32)
            case "key":
                key = hashlib.sha256(b"another key").digest()
            case "measurement":
                changes = {"pcrs": {**PCRS, 0: hashlib.sha384(b"another image").digest()}}
        document = signer.document(nonce, key, **changes)
        if self.way == "signature":
            document = document[:-1] + bytes([document[-1] ^ 1])
        if self.way == "replay":
            document = self.kept
        if self.way == "good":
            self.kept = document
        surplus = {"gpu": "trust me"} if self.way == "surplus" else {}
        return {"kind": "nitro", "document": base64.b64encode(document).decode(), **surplus}

    def snp(self, nonce: bytes) -> dict[str, str]:
        signer = self.products["Milan" if self.way == "snp-milan" else "Genoa"]
        changes = {
            "snp-debug": {"at_0x08": (0xB0000).to_bytes(8, "little")},
            "snp-vmpl": {"at_0x30": b"\x01"},
            "snp-measurement": {"at_0x90": bytes(48)},
            "snp-old": {f"at_{at}": bytes([4, 1, 0, 0, 0, 0, 22, 72]) for at in ("0x38", "0x1E0", "0x1F0")},
        }.get(self.way, {})
        report = signer.report(nonce, self.peer_key, **changes)
        given = {"report": report, "vcek": der(signer.vcek()), "ask": der(signer.ask())}
        return {"kind": "snp", **{name: base64.b64encode(value).decode() for name, value in given.items()}}


def peer_key(certificate: Path) -> bytes:
    """What evidence must be bound to, worked out without the code under test."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


async def say(send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main(kind=Enclave)
