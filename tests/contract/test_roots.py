"""Every root wraps and unwraps the same way, and says what is wrong when it does not: moto, softhsm2, Vault."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulators import transit
from tests.simulators.roots import PIN, kms_process, soft_token, token_root, vault_process

from wardkeep.app.roots import open_place
from wardkeep.crypto import keys
from wardkeep.crypto.errors import KeyHolderFailed, KeyUnavailable
from wardkeep.model.roots import parse_root

CHEAP = keys.PassphraseParameters(salt=b"s" * 16, iterations=1, lanes=1, memory_kib=64)
KEY, AAD = bytes(range(32)), b"here"
ENVIRONMENT = {
    "CLINIC_PIN": PIN,
    "CLINIC_VAULT_TOKEN": transit.TOKEN,
    "CLINIC_ROLE": transit.ROLE_ID,
    "CLINIC_SECRET": transit.SECRET_ID,
    "CLINIC_PASSPHRASE": "harbour lantern oatmeal trellis",
    "OTHER_PASSPHRASE": "harbour lantern oatmeal trestle",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret-example",
    "AWS_SESSION_TOKEN": "session/example==",
}


def opened(line, home=Path(), *, environment=ENVIRONMENT, seconds=30.0):
    return open_place(parse_root(line), home=home, parameters=CHEAP, environment=environment, seconds=seconds)


@pytest.fixture(scope="module")
def vault():
    with vault_process() as running:
        yield running


@pytest.fixture(scope="module")
def kms():
    boto3 = pytest.importorskip("boto3")
    with kms_process() as endpoint:
        given = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        yield endpoint, boto3.client("kms", endpoint_url=endpoint, **given)


def kms_root(kms):
    return f"aws-kms:{kms[1].create_key()['KeyMetadata']['Arn']}?endpoint={kms[0]}"


@pytest.fixture(params=["file", "passphrase", "pkcs11", "aws-kms", "vault", "vault-approle"])
def lines(request, tmp_path, tmp_path_factory):
    """Where a root and a stranger of the same kind are held."""
    match request.param:
        case "file":
            for name in ("root.key", "other.key"):
                keys.create_key_file(tmp_path / name)
            return "file:root.key", "file:other.key"
        case "passphrase":
            return "passphrase-env:CLINIC_PASSPHRASE", "passphrase-env:OTHER_PASSPHRASE"
        case "pkcs11":
            module, _ = soft_token(request.config, tmp_path_factory.mktemp)
            return token_root(module), token_root(module, "another")
        case "aws-kms":
            kms = request.getfixturevalue("kms")
            return kms_root(kms), kms_root(kms)
        case "vault":
            vault = request.getfixturevalue("vault")
            return vault.root(), vault.root("another")
        case "vault-approle":
            vault = request.getfixturevalue("vault")
            approle = "?role-id-env=CLINIC_ROLE&secret-id-env=CLINIC_SECRET"
            return tuple(f"vault:{vault.url}/transit/{key}{approle}" for key in ("wardkeep", "another"))


def test_a_root_wraps_and_unwraps_one_key_for_one_place(lines, tmp_path):
    root = opened(lines[0], tmp_path)
    blob = root.wrap(KEY, aad=AAD)
    assert KEY not in blob
    assert root.unwrap(blob, aad=AAD) == KEY
    again = opened(lines[0], tmp_path)
    assert again.unwrap(blob, aad=AAD) == KEY
    assert again.key_id == root.key_id
    assert root.wrap(KEY, aad=AAD) != blob
    with pytest.raises(KeyUnavailable):
        root.unwrap(blob, aad=b"there")
    for damaged in (blob[:-1] + bytes([blob[-1] ^ 1]), b"short", b""):
        with pytest.raises(KeyUnavailable):
            root.unwrap(damaged, aad=AAD)


def test_another_root_opens_nothing_and_has_another_name(lines, tmp_path):
    root, stranger = opened(lines[0], tmp_path), opened(lines[1], tmp_path)
    assert root.key_id != stranger.key_id
    with pytest.raises(KeyUnavailable):
        stranger.unwrap(root.wrap(KEY, aad=AAD), aad=AAD)
    wrapped = keys.create_keyring(root, "t")
    assert keys.open_keyring(root, keys.load_wrapped(keys.dump_wrapped(wrapped))).tenant == "t"
    with pytest.raises(KeyUnavailable):
        keys.open_keyring(stranger, replace(wrapped, root_id=stranger.key_id))


def test_what_is_said_of_a_root_holds_no_secret_and_claims_no_validation(lines, tmp_path):
    root = opened(lines[0], tmp_path)
    told = f"{root.describe()} {root.key_id} {root!r}"
    assert [name for name, value in ENVIRONMENT.items() if value in told] == []
    assert "FIPS" in root.describe()
    assert "validated" not in root.describe()


# ---- Vault -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "told", "fix"),
    [
        ("sealed", "status 503", "unseal"),
        ("forbidden", "status 403", "policy"),
        ("broken", "status 500", "Vault's own log"),
        ("standby", "status 307", "active one"),
    ],
)
def test_what_vault_refuses_is_named_with_what_to_do(vault, mode, told, fix):
    root = opened(vault.root())
    blob = root.wrap(KEY, aad=AAD)
    vault.tell(mode=mode)
    try:
        for attempt in (lambda: root.unwrap(blob, aad=AAD), lambda: root.wrap(KEY, aad=AAD)):
            with pytest.raises(KeyHolderFailed, match=told) as refused:
                attempt()
            assert fix in refused.value.fix
            assert transit.TOKEN not in str(refused.value)
    finally:
        vault.tell(mode="ok")
    assert root.unwrap(blob, aad=AAD) == KEY


def test_a_vault_that_hangs_is_not_waited_for(vault):
    root = opened(vault.root(), seconds=0.2)
    vault.tell(mode="silent")
    try:
        with pytest.raises(KeyHolderFailed, match="cannot be reached"):
            root.unwrap(b"vault:v1:AAAA", aad=AAD)
    finally:
        vault.tell(mode="ok")


def test_a_vault_that_is_not_there_or_not_over_tls_is_refused():
    for line, told in (
        ("vault:http://127.0.0.1:1/transit/wardkeep?token-env=CLINIC_VAULT_TOKEN", "cannot be reached"),
        ("vault:http://192.0.2.7/transit/wardkeep?token-env=CLINIC_VAULT_TOKEN", "plain HTTP leaves this machine"),
    ):
        with pytest.raises(KeyHolderFailed, match=told):
            opened(line).wrap(KEY, aad=AAD)


def test_older_versions_of_vaults_key_open_and_new_wraps_use_the_newest(vault):
    root = opened(vault.root("turning"))
    for _ in range(2):  # Vault was not made to invent the key
        with pytest.raises(KeyHolderFailed, match="404"):
            root.wrap(KEY, aad=AAD)
    root = opened(vault.root())
    first = root.wrap(KEY, aad=AAD)
    vault.rotate()
    second = root.wrap(KEY, aad=AAD)
    assert int(second.split(b":")[1][1:]) == int(first.split(b":")[1][1:]) + 1
    assert root.unwrap(first, aad=AAD) == root.unwrap(second, aad=AAD) == KEY


@pytest.mark.parametrize("key", ["leaving", "signing"])
def test_a_key_of_vault_that_is_no_root_wraps_nothing(vault, key):
    with pytest.raises(KeyHolderFailed, match="key in Vault"):
        opened(vault.root(key)).wrap(KEY, aad=AAD)


@pytest.mark.parametrize(
    "environment",
    [{"CLINIC_VAULT_TOKEN": "hvs.wrong"}, {"CLINIC_ROLE": transit.ROLE_ID, "CLINIC_SECRET": "wrong"}],
    ids=["token", "approle"],
)
def test_a_wrong_credential_for_vault_is_named_as_that(vault, environment):
    more = "" if "CLINIC_ROLE" not in environment else "?role-id-env=CLINIC_ROLE&secret-id-env=CLINIC_SECRET"
    line = f"vault:{vault.url}/transit/wardkeep{more}" if more else vault.root()
    with pytest.raises(KeyHolderFailed, match="403") as refused:
        opened(line, environment=environment).wrap(KEY, aad=AAD)
    assert "token or AppRole" in refused.value.fix


def test_a_namespace_is_part_of_the_root(vault):
    vault.tell(namespace="clinic/ward")
    try:
        root = opened(vault.root(more="&namespace=clinic/ward"))
        assert root.unwrap(root.wrap(KEY, aad=AAD), aad=AAD) == KEY
        assert root.key_id == "vault:clinic/ward/transit/wardkeep"
        with pytest.raises(KeyHolderFailed, match="404"):
            opened(vault.root()).wrap(KEY, aad=AAD)
    finally:
        vault.tell(namespace="")


# ---- AWS KMS ---------------------------------------------------------------------------------------------------------


def test_a_key_of_kms_that_is_disabled_or_not_there_is_named_as_that(kms):
    line = kms_root(kms)
    root = opened(line)
    root.wrap(KEY, aad=AAD)
    absent = opened(line.replace(":key/", ":key/0000"))
    with pytest.raises(KeyHolderFailed, match="NotFoundException") as refused:
        absent.wrap(KEY, aad=AAD)
    assert "ARN" in refused.value.fix
    kms[1].disable_key(KeyId=root.place.key)
    assert "state Disabled" in root.describe()


# ---- PKCS#11 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"object": "absent"}, "NoSuchKey"),
        ({"token": "absent"}, "NoSuchToken"),
        ({"object": "leaving"}, "can be exported"),
        ({"module": "/nowhere/module.so"}, "cannot be loaded"),
        ({"pin": "000000"}, "PinIncorrect"),
    ],
)
def test_what_a_token_refuses_is_named(request, tmp_path_factory, change, told):
    module, _ = soft_token(request.config, tmp_path_factory.mktemp)
    line = token_root(change.get("module", module), change.get("object", "wardkeep"), change.get("token", "clinic"))
    root = opened(line, environment={"CLINIC_PIN": change.get("pin", PIN)})
    with pytest.raises(KeyHolderFailed, match=told) as refused:
        root.wrap(KEY, aad=AAD)
    assert refused.value.fix
    assert PIN not in str(refused.value)
