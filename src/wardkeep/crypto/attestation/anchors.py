"""Roots of attestation chains: read as PEM when a rule is recorded, and called by their vendor's name where known.

The fingerprints only name: what is trusted is what two people recorded. A root that is not listed here may be a test's.
"""

import hashlib
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from wardkeep.crypto.errors import CertificateError

KNOWN: Final = MappingProxyType(
    {
        "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b": "AWS Nitro Enclaves Root-G1",
        "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd": "AMD ARK-Milan",
        "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1": "AMD ARK-Genoa",
        "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a": "AMD ARK-Turin",
        "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3": "Intel SGX Root CA",
    }
)
"""SHA-256 of the certificates (DER) as their vendors publish them."""

_LARGEST: Final = 64 * 1024


def read_roots(pem: str) -> tuple[bytes, ...]:
    """Return the certificates (DER) of a PEM text. Raises CertificateError: none, unreadable, or not self-signed."""
    try:
        found = x509.load_pem_x509_certificates(pem[:_LARGEST].encode("ascii"))
        for each in found:
            each.verify_directly_issued_by(each)
    except (ValueError, TypeError, x509.InvalidVersion, InvalidSignature, UnsupportedAlgorithm) as error:
        raise CertificateError("these are not root certificates in PEM") from error
    return tuple(each.public_bytes(Encoding.DER) for each in found)


def name_of_root(der: bytes) -> str:
    """Return whose root this is, or its fingerprint: then nobody but those who recorded it says what it vouches for."""
    fingerprint = hashlib.sha256(der).hexdigest()
    return KNOWN.get(fingerprint, f"sha256:{fingerprint}")
