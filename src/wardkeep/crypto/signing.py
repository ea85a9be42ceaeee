"""Ed25519 (RFC 8032) for the ledger's heads. The private key lives in the keeper only, wrapped at rest."""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wardkeep.crypto.errors import SignatureInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """Whoever holds it can sign ledger heads, and so rewrite history that no witness has seen. `repr` shows nothing."""

    public: bytes
    _private: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over `message`."""
        return self._private.sign(message)


def generate_seed() -> bytes:
    """Return a new 32-byte private seed, to be wrapped at once."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def signing_key(seed: bytes) -> SigningKey:
    """Return the signing key of a 32-byte seed. Raises ValueError for another length."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(public=private.public_key().public_bytes_raw(), _private=private)


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Return when `signature` is by `public` over `message`.

    Raises:
        SignatureInvalid: it is not, or the key is no Ed25519 public key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise SignatureInvalid("the signature is not by this key over these bytes") from error
