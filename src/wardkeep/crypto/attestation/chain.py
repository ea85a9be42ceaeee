"""Certificate chains of attestation keys, from a root that was given (RFC 5280 section 6, without names and policies).

Not the web's chains: no host names, no public roots, and revocation lists are not read (offline), which `route show`
says. Every certificate must be valid at our time, signed by the one above it, and allowed to sign where it does.
"""

import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID

from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import Check

_MOST: Final = 8
# What the library raises for bytes that are no certificate as we use it; only some of it is a ValueError.
_UNREADABLE: Final = (
    ValueError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)
_UNDERSTOOD: Final = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})


def load(der: bytes) -> x509.Certificate:
    """Return the certificate, all of whose bytes were read. Raises EvidenceRefused."""
    try:
        with warnings.catch_warnings():
            # AMD numbers every VCEK 0, against RFC 5280.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate = x509.load_der_x509_certificate(der)
        # Read now: an extension that cannot be parsed is found on first use.
        _ = certificate.extensions
    except _UNREADABLE:
        raise EvidenceRefused(Check.FORMAT) from None
    return certificate


def signing_key(certificate: x509.Certificate) -> EllipticCurvePublicKey:
    """Return the P-384 key with which all evidence is signed. Raises EvidenceRefused."""
    try:
        key = certificate.public_key()
    except _UNREADABLE:
        raise EvidenceRefused(Check.FORMAT) from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP384R1):
        raise EvidenceRefused(Check.SIGNATURE)
    return key


def verify_chain(
    leaf: x509.Certificate, above: Sequence[x509.Certificate], anchors: Sequence[bytes], now: datetime
) -> datetime:
    """Return when the first certificate of the chain expires. `above` starts with the leaf's issuer, ends with a root.

    Raises:
        EvidenceRefused: the root is none of the anchors, a link does not hold, or one is not valid now.
    """
    if not above or len(above) > _MOST or above[-1].public_bytes(Encoding.DER) not in anchors:
        raise EvidenceRefused(Check.CHAIN)
    chain = (leaf, *above)
    for depth, (child, parent) in enumerate(zip(chain, (*above, above[-1]), strict=True)):
        _check_critical(child)
        if depth:
            # Those between this one and the leaf (RFC 5280 section 4.2.1.9).
            _check_may_sign(child, below=depth - 1)
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise EvidenceRefused(Check.CHAIN) from None
    if any(not each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in chain):
        raise EvidenceRefused(Check.VALIDITY)
    return min(each.not_valid_after_utc for each in chain)


def _check_critical(certificate: x509.Certificate) -> None:
    if any(each.critical and each.oid not in _UNDERSTOOD for each in certificate.extensions):
        raise EvidenceRefused(Check.CHAIN)


def _check_may_sign(certificate: x509.Certificate, *, below: int) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise EvidenceRefused(Check.CHAIN) from None
    is_too_long = constraints.path_length is not None and below > constraints.path_length
    if not constraints.ca or not usage.key_cert_sign or is_too_long:
        raise EvidenceRefused(Check.CHAIN)
