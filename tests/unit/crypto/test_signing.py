import pytest

from wardkeep.crypto.errors import SignatureInvalid
from wardkeep.crypto.signing import generate_seed, signing_key, verify

# RFC 8032 section 7.1, test 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_rfc_8032_vector():
    key = signing_key(SEED)
    assert key.public == PUBLIC
    assert key.sign(b"\x72") == SIGNATURE
    verify(PUBLIC, SIGNATURE, b"\x72")


@pytest.mark.parametrize(
    ("public", "signature", "message"),
    [
        (PUBLIC, SIGNATURE, b"\x73"),
        (PUBLIC, SIGNATURE[:-1] + b"\x01", b"\x72"),
        (PUBLIC, b"", b"\x72"),
        (b"short", SIGNATURE, b"\x72"),
    ],
)
def test_anything_else_is_refused(public, signature, message):
    with pytest.raises(SignatureInvalid):
        verify(public, signature, message)


def test_seeds_are_fresh():
    assert generate_seed() != generate_seed()
