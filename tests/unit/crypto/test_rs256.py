"""RS256 as service accounts sign with it, and keys that are none."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wardkeep.crypto.errors import KeyUnusable
from wardkeep.crypto.rs256 import sign_rs256
from wardkeep.model.sensitive import Secret


def pem(key) -> Secret[str]:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_the_public_key_verifies():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.public_key().verify(sign_rs256(pem(key), b"message"), b"message", PKCS1v15(), SHA256())


@pytest.mark.parametrize(
    "secret",
    [
        Secret("not a key: canary"),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
    ],
    ids=["no key", "another algorithm", "too short"],
)
def test_other_keys_are_refused_without_quoting_them(secret):
    with pytest.raises(KeyUnusable) as caught:
        sign_rs256(secret, b"message")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
