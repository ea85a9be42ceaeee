"""A home whose root key is on a token or in AWS KMS: made, looked at, backed up, restored; never without its holder."""

import pytest
from tests.simulators.roots import PIN, kms_process, soft_token, token_root
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture(params=["pkcs11", pytest.param("aws-kms", marks=pytest.mark.slow)])
def root(request, monkeypatch, tmp_path_factory):
    """The root's line and the variable that opens it."""
    if request.param == "pkcs11":
        module, _ = soft_token(request.config, tmp_path_factory.mktemp)
        monkeypatch.setenv("CLINIC_PIN", PIN)
        yield token_root(module), "CLINIC_PIN"
        return
    boto3 = pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-example")
    with kms_process() as endpoint:
        arn = boto3.client("kms", endpoint_url=endpoint, region_name="eu-central-1").create_key()["KeyMetadata"]["Arn"]
        yield f"aws-kms:{arn}?endpoint={endpoint}", "AWS_SECRET_ACCESS_KEY"


def test_a_home_under_an_outside_root(shell, tmp_path, monkeypatch, root):
    line, variable = root
    home = tmp_path / "home"
    assert make_home(shell, home, "--root", line).status == 0
    assert not (home / "root.key").exists()
    told = shell("doctor", "--home", home, "--json").json
    found = next(each for each in told["findings"] if each["what"] == "keys")
    assert found["standing"] == "ok"
    assert "FIPS" in found["detail"]

    seal, acting = tmp_path / "seal", ("--as", "first")
    monkeypatch.setenv("WARDKEEP_CREDENTIAL_FILE", str(home / "credentials" / "first"))
    with serving(home):
        made = shell("backup", "make", "--home", home, "--to", tmp_path / "b", "--seal-to", seal, *acting, "--json")
    assert made.status == 0, made.err
    arguments = ("--from", made.json["place"], "--seal", seal, "--root", line, "--json")
    assert shell("restore", "--home", tmp_path / "again", *arguments).json["subject_keys"] == 0

    refused = shell("escrow", "split", "--home", home, "--needed", 2, "--shares", 3, "--out", tmp_path / "shares")
    assert (refused.status, "not a key file" in refused.err) == (1, True)
    monkeypatch.delenv(variable)
    assert shell("restore", "--home", tmp_path / "never", *arguments).status == 1
    assert not (tmp_path / "never").exists()
    assert make_home(shell, tmp_path / "never", "--root", line).status == 1
    told = shell("doctor", "--home", home, "--json").json
    found = next(each for each in told["findings"] if each["what"] == "keys")
    assert (found["standing"], variable in found["fix"]) == ("warn", True)
