"""A local certificate authority for first run and closed networks (45 CFR 164.312(e)(1)).

ECDSA P-256, X.509 v3 (RFC 5280). Key files are 0600 and never overwritten. TLS contexts are made in `transport`;
organisations with a PKI of their own bring its certificate instead and never call this.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wardkeep.crypto.errors import CertificateError
from wardkeep.model.sensitive import Secret

_AUTHORITY_DAYS: Final = 3650
_SERVER_DAYS: Final = 397  # the longest life that browsers accept
_RSA_BITS_MIN: Final = 3072
ClientKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
_CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where a certificate chain and its private key are."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIssue:
    """A certificate just issued (PEM), and the private key where it was made here: shown once and kept nowhere."""

    certificate: str
    key: Secret[str] | None


def create_authority(directory: Path, *, now: datetime) -> CertificateFiles:
    """Create `ca.crt` and `ca.key` in `directory`.

    Raises:
        CertificateError: one of them exists or cannot be written.
    """
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wardkeep local authority")])
    certificate = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    files = CertificateFiles(certificate=directory / "ca.crt", key=directory / "ca.key")
    _write_new(files.key, _key_pem(key))
    _write_new(files.certificate, certificate.public_bytes(Encoding.PEM))
    return files


def issue_server_certificate(
    authority: CertificateFiles, directory: Path, *, names: Sequence[str], now: datetime
) -> CertificateFiles:
    """Issue `server.crt` (chain included) and `server.key` for host names and IP addresses.

    Raises:
        CertificateError: no name was given, the authority is unreadable or expired, or a file exists.
    """
    if not names:
        raise CertificateError("a server certificate needs at least one host name or address")
    parent, parent_key = _load_authority(authority)
    if not parent.not_valid_before_utc <= now <= parent.not_valid_after_utc:
        raise CertificateError("the local authority's certificate is not valid now")
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        _builder(subject, parent.subject, key.public_key(), now, _SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(parent_key.public_key()),
            critical=False,
        )
        .sign(parent_key, SHA256())
    )
    files = CertificateFiles(certificate=directory / "server.crt", key=directory / "server.key")
    _write_new(files.key, _key_pem(key))
    _write_new(files.certificate, certificate.public_bytes(Encoding.PEM) + parent.public_bytes(Encoding.PEM))
    return files


def issue_client_certificate(
    authority: CertificateFiles, *, name: str, days: int, now: datetime, csr: bytes | None = None
) -> ClientIssue:
    """Issue a certificate that a client shows, for the key of a signing request (RFC 2986), or for a new key.

    Of a request only its key is taken: names and extensions in it are its author's wishes.

    Raises:
        CertificateError: the authority is unreadable or ends sooner, or the request is not signed by a strong key.
    """
    parent, parent_key = _load_authority(authority)
    if not parent.not_valid_before_utc <= now <= parent.not_valid_after_utc - timedelta(days=days):
        raise CertificateError("the local authority's certificate does not last as long as this one would")
    made = generate_private_key(SECP256R1()) if csr is None else None
    public = made.public_key() if made is not None else _requested_key(csr or b"")
    certificate = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]), parent.subject, public, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(parent_key.public_key()), critical=False)
        .sign(parent_key, SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return ClientIssue(certificate=pem, key=None if made is None else Secret(_key_pem(made).decode()))


def _requested_key(csr: bytes) -> ClientKey:
    try:
        request = x509.load_pem_x509_csr(csr)
        public = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("the signing request cannot be read") from error
    if not is_signed:
        raise CertificateError("the signing request is not signed by its own key")
    if isinstance(public, EllipticCurvePublicKey | Ed25519PublicKey) or (
        isinstance(public, RSAPublicKey) and public.key_size >= _RSA_BITS_MIN
    ):
        return public
    raise CertificateError("the signing request's key is neither elliptic nor RSA of 3072 bits")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ClientKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _load_authority(files: CertificateFiles) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = load_pem_private_key(files.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError("the local authority's files cannot be read") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CertificateError("the local authority's key does not belong to its certificate")
    return certificate, key


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CertificateError(f"{path} cannot be created ({error.strerror})") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
