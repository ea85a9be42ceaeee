"""What a server certificate says of itself: names and dates (RFC 5280 section 4.1.2.5, RFC 9525 section 6), its key.

Only reading: trust is decided by whoever connects.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wardkeep.crypto.errors import CertificateError
from wardkeep.crypto.mac import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """The first certificate of a chain. `names` are its DNS names and addresses, as text in lower case."""

    names: frozenset[str]
    not_before: datetime
    not_after: datetime

    def covers(self, host: str) -> bool:
        """Whether a client that calls `host` finds it: exactly, or one label below a wildcard."""
        wanted = host.lower()
        _, _, parent = wanted.partition(".")
        return wanted in self.names or (bool(parent) and f"*.{parent}" in self.names)


def read_certificate(path: Path) -> CertificateFacts:
    """Return the facts of the first certificate in a PEM file.

    Raises:
        CertificateError: the file is absent or holds none.
    """
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = _names(certificate)
    except (OSError, ValueError) as error:
        raise CertificateError("the server certificate cannot be read") from error
    return CertificateFacts(
        names=names, not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """A certificate as a client shows it: the SHA-256 of its key in hex, and when it ends."""

    peer_key: str
    not_after: datetime


def read_shown(pem: bytes) -> ShownCertificate:
    """Return whose key the first certificate in a PEM text is for, and until when. Raises CertificateError."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = peer_key_of(certificate.public_bytes(Encoding.DER))
    except ValueError as error:
        raise CertificateError("the certificate cannot be read") from error
    if not key:
        raise CertificateError("the certificate's key cannot be read")
    return ShownCertificate(peer_key=key.hex(), not_after=certificate.not_valid_after_utc)


def peer_key_of(der: bytes) -> bytes:
    """Return the SHA-256 of a certificate's SubjectPublicKeyInfo, as RFC 7469 section 2.4 pins it.

    Empty for a certificate that cannot be read: it equals no pin and answers no challenge.
    """
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        return b""


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = (str(address) for address in named.get_values_for_type(x509.IPAddress))
    return frozenset([*(name.lower() for name in named.get_values_for_type(x509.DNSName)), *addresses])
