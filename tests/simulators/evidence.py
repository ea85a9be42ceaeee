"""A signer of attestation evidence with chains of its own: what a good enclave would say, and each way to say it wrong.

Documents are put together by other code than reads them (`cbor2`, bytes written by offset). The roots are made
here, so that nothing of it passes where a vendor's own root is the anchor.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

DAY = timedelta(days=1)
PCRS = {
    number: (hashlib.sha384(b"pcr%d" % number).digest() if number in {0, 1, 2, 4} else bytes(48))
    for number in range(16)
}
MEASURED = hashlib.sha384(b"guest").digest()
_PSS = padding.PSS(mgf=padding.MGF1(SHA384()), salt_length=48)
_ARC = "1.3.6.1.4.1.3704.1."


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def certificate(
    subject: str, issuer: str, key, signer, *, now: datetime, is_ca: bool, path_length: int | None = None,
    days: timedelta = DAY, before: timedelta = DAY, more=(), serial: int | None = None, pss: bool = False,
    may_sign: bool | None = None,
):  # fmt: skip
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    signs = is_ca if may_sign is None else may_sign
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - before)
        .not_valid_after(now + days)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, SHA384(), rsa_padding=_PSS if pss else None)


def raw_signature(key: ec.EllipticCurvePrivateKey, signed: bytes, *, order: str, size: int) -> bytes:
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA384())))
    return r.to_bytes(size, order) + s.to_bytes(size, order)


@dataclass(slots=True)
class NitroSigner:
    """A root, an intermediate and an enclave's certificate on P-384."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    days: timedelta = DAY
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    zone_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    leaf_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        key = self.root_key
        self.root = certificate("root", "root", key, key, now=_BIRTHDAY, is_ca=True, days=30 * 365 * DAY)

    def zone(self, **changes) -> x509.Certificate:
        options = {"is_ca": True, "path_length": 0, "days": self.days, **changes}
        return certificate("zone", "root", self.zone_key, self.root_key, now=self.now, **options)

    def leaf(self, **changes) -> x509.Certificate:
        options = {"is_ca": False, "days": self.days, **changes}
        return certificate("enclave", "zone", self.leaf_key, self.zone_key, now=self.now, **options)

    def payload(self, nonce: bytes, peer_key: bytes, /, **changes) -> dict:
        fields = {
            "module_id": "i-0-enc0",
            "digest": "SHA384",
            "timestamp": int(self.now.timestamp() * 1000),
            "pcrs": PCRS,
            "certificate": der(self.leaf()),
            "cabundle": [der(self.root), der(self.zone())],
            "public_key": None,
            "user_data": peer_key,
            "nonce": nonce,
        }
        return {**fields, **changes}

    def sign(
        self, payload: bytes, *, protected: bytes = bytes.fromhex("a1013822"), unprotected=None, tag: bool = False
    ) -> bytes:
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        parts = [protected, unprotected or {}, payload, raw_signature(self.leaf_key, signed, order="big", size=48)]
        return cbor2.dumps(cbor2.CBORTag(18, parts) if tag else parts)

    def document(self, nonce: bytes, peer_key: bytes, /, **changes) -> bytes:
        return self.sign(cbor2.dumps(self.payload(nonce, peer_key, **changes)))


_BIRTHDAY = datetime(2020, 1, 1, tzinfo=UTC)
"""Of the roots, which are valid at any time a test pretends it is."""


@cache
def _rsa(_: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass(slots=True)
class SnpSigner:
    """ARK and ASK (RSA-PSS) and a VCEK on P-384, with AMD's extensions."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    days: timedelta = DAY
    product: str = "Genoa"
    tcb: tuple[int, int, int, int] = (4, 1, 23, 72)
    chip_id: bytes = bytes(range(64))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))

    @property
    def fmc(self) -> int:
        return 1

    def ark(self) -> x509.Certificate:
        return _ark(self.product)

    def ask(self) -> x509.Certificate:
        return certificate(
            f"SEV-{self.product}",
            f"ARK-{self.product}",
            _rsa(1),
            _rsa(0),
            now=self.now,
            is_ca=True,
            path_length=0,
            pss=True,
            days=self.days,
        )

    def vcek(self, **changes) -> x509.Certificate:
        boot, tee, snp, microcode = self.tcb
        values = {
            "2": b"\x16" + bytes([len(self.product) + 3]) + self.product.encode() + b"-B0",
            "3.1": _integer(boot), "3.2": _integer(tee), "3.3": _integer(snp), "3.8": _integer(microcode),
            "4": self.chip_id,
        }  # fmt: skip
        if self.product == "Turin":
            values |= {"2": b"\x16\x05Turin", "3.9": _integer(self.fmc), "4": self.chip_id[:8]}
        values |= changes
        more = [
            (x509.UnrecognizedExtension(ObjectIdentifier(_ARC + oid), value), False)
            for oid, value in values.items()
            if value is not None
        ]
        return certificate(
            "SEV-VCEK",
            f"SEV-{self.product}",
            self.key,
            _rsa(1),
            now=self.now,
            is_ca=False,
            pss=True,
            more=more,
            days=self.days,
        )

    def body(self, nonce: bytes, peer_key: bytes, /, **changes: bytes) -> bytes:
        """The signed part; changes name fields by their offset, as `at_0x50=b"..."`."""
        body = bytearray(0x2A0)
        boot, tee, snp, microcode = self.tcb
        tcb = bytes([boot, tee, 0, 0, 0, 0, snp, microcode])
        chip = self.chip_id
        cpu = b"\x19\x11\x01"
        if self.product == "Turin":
            tcb, chip, cpu = bytes([self.fmc, boot, tee, snp, 0, 0, 0, microcode]), self.chip_id[:8], b"\x1a\x02\x01"
        if self.product == "Milan":
            cpu = b"\x19\x01\x01"
        fields = {
            0x00: (3).to_bytes(4, "little"),
            0x08: (0x30000).to_bytes(8, "little"),
            0x34: (1).to_bytes(4, "little"),
            0x38: tcb, 0x180: tcb, 0x1E0: tcb, 0x1F0: tcb,
            0x50: peer_key, 0x70: nonce, 0x90: MEASURED, 0x188: cpu, 0x1A0: chip,
        }  # fmt: skip
        fields |= {int(name.removeprefix("at_"), 16): value for name, value in changes.items()}
        for at, value in fields.items():
            body[at : at + len(value)] = value
        return bytes(body)

    def sign(self, body: bytes) -> bytes:
        return (body + raw_signature(self.key, body, order="little", size=0x48)).ljust(0x4A0, b"\0")

    def report(self, nonce: bytes, peer_key: bytes, /, **changes: bytes) -> bytes:
        return self.sign(self.body(nonce, peer_key, **changes))


@cache
def _ark(product: str) -> x509.Certificate:
    return certificate(
        f"ARK-{product}", f"ARK-{product}", _rsa(0), _rsa(0), now=_BIRTHDAY, is_ca=True, pss=True, days=30 * 365 * DAY
    )


def _integer(value: int) -> bytes:
    return b"\x02\x01" + bytes([value]) if value < 128 else b"\x02\x02\x00" + bytes([value])
