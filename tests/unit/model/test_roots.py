import pytest

from wardkeep.model.roots import (
    AWS_VARIABLES,
    AwsKmsPlace,
    FilePlace,
    PassphrasePlace,
    Pkcs11Place,
    RootMalformed,
    VaultPlace,
    is_outside,
    parse_root,
    secret_variables,
)

ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_each_kind_is_read_and_says_which_variables_open_it():
    assert parse_root("file:root.key") == FilePlace(path="root.key")
    assert parse_root("passphrase-env:A_B") == PassphrasePlace(variable="A_B")
    token = parse_root("pkcs11:token=the%20clinic;object=root;type=secret-key?module-path=/l/m.so&pin-source=env:PIN")
    assert token == Pkcs11Place(module="/l/m.so", token="the clinic", object="root", pin_variable="PIN")
    kms = parse_root(f"aws-kms:{ARN}")
    assert isinstance(kms, AwsKmsPlace)
    assert (kms.region, kms.account, kms.endpoint) == (
        "us-east-1",
        "123456789012",
        "https://kms.us-east-1.amazonaws.com",
    )
    vault = parse_root("vault:https://vault.example:8200/a/b/key?token-env=T&namespace=x/y&authority=ca.pem")
    assert isinstance(vault, VaultPlace)
    assert (vault.address, vault.mount, vault.key) == ("https://vault.example:8200", "a/b", "key")
    assert (vault.namespace, vault.authority, vault.auth_mount) == ("x/y", "ca.pem", "approle")
    role = parse_root("vault:https://[::1]:8200/transit/key?role-id-env=R&secret-id-env=S&auth-mount=own")
    assert isinstance(role, VaultPlace)
    assert role.address == "https://[::1]:8200"
    opened_by = [secret_variables(each) for each in (parse_root("file:x"), token, kms, vault, role)]
    assert opened_by == [(), ("PIN",), AWS_VARIABLES, ("T",), ("R", "S")]
    assert [is_outside(each) for each in (parse_root("file:x"), token, kms, vault)] == [False, True, True, True]
    assert parse_root(f"aws-kms:{ARN.replace('aws:', 'aws-cn:', 1)}").endpoint.endswith(".amazonaws.com.cn")


@pytest.mark.parametrize(
    "line",
    [
        "", "file:", "file", "keys:x", "file:a\nb", "passphrase-env:", "passphrase-env:A-B", "passphrase-env:1A",
        "pkcs11:token=a;object=b?module-path=/m.so&pin-value=1234",
        "pkcs11:token=a;object=b?module-path=m.so&pin-source=env:P",
        "pkcs11:token=a;object=b?module-path=/m.so&pin-source=file:/pin",
        "pkcs11:token=a?module-path=/m.so&pin-source=env:P",
        "pkcs11:token=a;token=c;object=b?module-path=/m.so&pin-source=env:P",
        "pkcs11:token=a;object=b;type=private?module-path=/m.so&pin-source=env:P",
        "aws-kms:alias/wardkeep", "aws-kms:arn:aws:kms:us-east-1:123456789012:alias/wardkeep",
        f"aws-kms:{ARN}?region=x", f"aws-kms:{ARN}?endpoint=kms.example", f"aws-kms:{ARN}?endpoint=https://a@b",
        f"aws-kms:{ARN}?endpoint=https://kms.example/path", f"aws-kms:{ARN}?endpoint=https://kms.example:port",
        "vault:https://vault.example/key", "vault:vault.example/transit/key", "vault:https://v/transit/a%2fb",
        "vault:https://v/transit/../key/x y", "vault:https://u:p@v/transit/key", "vault:https://v/transit/key?token=hvs.x",
        "vault:https://v/transit/key?role-id-env=R", "vault:https://v/transit/key?namespace=a%0d%0ab",
        "vault:https://v/transit/key?token-env=T&role-id-env=R&secret-id-env=S", "vault:ftp://v/transit/key",
    ],
)  # fmt: skip
def test_what_cannot_be_a_root_is_refused_before_anything_is_asked(line):
    with pytest.raises(RootMalformed):
        parse_root(line)
