"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2): how JWTs of service accounts are signed (RFC 7518)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wardkeep.crypto.errors import KeyUnusable
from wardkeep.model.sensitive import Secret

_SMALLEST_BITS = 2048


def sign_rs256(private_pem: Secret[str], message: bytes) -> bytes:
    """Return the signature over `message`.

    Raises:
        KeyUnusable: the PEM holds no RSA private key of at least 2048 bits. The sentence does not quote it.
    """
    try:
        key = load_pem_private_key(private_pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable("the service account's private key cannot be read") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _SMALLEST_BITS:
        raise KeyUnusable("the service account's private key is not RSA of at least 2048 bits")
    return key.sign(message, PKCS1v15(), SHA256())
