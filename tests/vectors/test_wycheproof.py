"""Wycheproof groups against the primitives as this product calls them. Skipped where the vectors are not at hand."""

import hmac
import json
import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardkeep.crypto.derive import expand, extract

BESIDE = Path(__file__).parents[2].parent / "shared" / "vectors" / "wycheproof"
FOLDER = Path(os.environ.get("WARDKEEP_VECTORS", BESIDE))

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="Wycheproof vectors are absent (set WARDKEEP_VECTORS)"),
]


def cases(name: str, **wanted):
    document = json.loads((FOLDER / name).read_text())
    for group in document["testGroups"]:
        if all(group.get(key) == value for key, value in wanted.items()):
            for test in group["tests"]:
                yield group, {k: bytes.fromhex(v) if k in HEX else v for k, v in test.items()}


HEX = {"key", "iv", "aad", "msg", "ct", "tag", "ikm", "salt", "info", "okm"}


def test_aes_256_gcm_as_records_are_sealed():
    seen = {"valid": 0, "invalid": 0}
    for _, case in cases("aes_gcm_test.json", keySize=256, ivSize=96, tagSize=128):
        gcm = AESGCM(case["key"])
        blob = case["ct"] + case["tag"]
        seen[case["result"]] += 1
        if case["result"] == "valid":
            assert gcm.encrypt(case["iv"], case["msg"], case["aad"]) == blob, case["tcId"]
            assert gcm.decrypt(case["iv"], blob, case["aad"]) == case["msg"], case["tcId"]
        else:
            with pytest.raises(InvalidTag):
                gcm.decrypt(case["iv"], blob, case["aad"])
    assert min(seen.values()) > 0


def test_hkdf_sha256():
    seen = {"valid": 0, "invalid": 0}
    for _, case in cases("hkdf_sha256_test.json"):
        seen[case["result"]] += 1
        key = extract(salt=case["salt"], material=case["ikm"])
        if case["result"] == "valid":
            assert expand(key, case["info"], case["size"]) == case["okm"], case["tcId"]
        else:
            with pytest.raises(ValueError):
                expand(key, case["info"], case["size"])
    assert min(seen.values()) > 0


def test_hmac_sha256_as_keys_are_derived():
    seen = {"valid": 0, "invalid": 0}
    for group, case in cases("hmac_sha256_test.json"):
        seen[case["result"]] += 1
        tag = hmac.digest(case["key"], case["msg"], "sha256")[: group["tagSize"] // 8]
        assert hmac.compare_digest(tag, case["tag"]) == (case["result"] == "valid"), case["tcId"]
    assert min(seen.values()) > 0
