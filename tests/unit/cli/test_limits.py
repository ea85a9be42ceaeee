"""Client certificates and budgets by command."""

import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.crypto.ca import create_authority, issue_client_certificate
from wardkeep.crypto.certificate import read_shown
from wardkeep.settings import clock


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_certificates(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    first, why = ("--home", home, "--as", "first"), ("--reason", "a test")
    with serving(home):
        assert shell(
            "application", "add", "scheduler", "--name", "Scheduler", "--owner", "second", *why, *first
        ).status == 0  # fmt: skip

        out = tmp_path / "scheduler.pem"
        made = shell("application", "certificate", "add", "scheduler", "--out", out, "--json", *first)
        assert made.status == 0
        assert "private_key" not in made.json
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert read_shown(out.read_bytes()).peer_key == made.json["id"]
        assert load_pem_private_key(out.read_bytes(), None) is not None

        key = ec.generate_private_key(ec.SECP256R1())
        csr = tmp_path / "first.csr"
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
        csr.write_bytes(request.public_bytes(Encoding.PEM))
        signed = shell("user", "certificate", "add", "first", "--csr", csr, "--days", "10", "--json", *first)
        assert signed.status == 0
        assert signed.json["private_key"] is None
        assert read_shown(signed.json["certificate"].encode()).peer_key == signed.json["id"]
        again = shell("application", "certificate", "add", "scheduler", "--csr", csr, "--json", *first)
        assert (again.status, "already_exists" in again.err + again.out) == (1, True)

        theirs = issue_client_certificate(
            create_authority(tmp_path, now=clock().wall), name="elsewhere", days=5, now=clock().wall
        )
        brought = tmp_path / "brought.pem"
        brought.write_text(theirs.certificate)
        bound = shell("application", "certificate", "add", "scheduler", "--certificate", brought, *first)
        assert (bound.status, "BEGIN" in bound.out) == (0, False)
        for wrong in (("--days", "398"), ("--csr", csr, "--certificate", brought), ("--csr", out), ("--csr", home)):
            assert shell("application", "certificate", "add", "scheduler", *wrong, *first).status == 1

        listed = shell("application", "certificate", "list", "--json", *first).json
        assert {(each["holder"], each["state"], each["is_ours"]) for each in listed} == {
            ("application:scheduler", "active", True),
            ("application:scheduler", "active", False),
        }
        assert shell("application", "certificate", "revoke", made.json["id"], *why, *first).status == 0
        assert shell("application", "certificate", "revoke", made.json["id"], *why, *first).status == 1
        told = shell("application", "certificate", "list", *first).out
        assert "revoked" in told
        assert "first" not in [each["holder"] for each in shell("scim", "certificate", "list", "--json", *first).json]

        whose = ("--for", "application", "--id", "scheduler", "--per", "month")
        assert shell("budget", "set", "b1", *whose, "--tokens", "5", *why, *first).status == 0
        money = ("--cost", "12.5", "--currency", "USD")
        assert shell("budget", "set", "b2", *whose, *money, *why, *first).status == 0
        assert shell("budget", "set", "b3", *whose, "--cost", "12.5", *why, *first).status == 1
        assert shell("budget", "set", "b3", "--for", "moon", *whose[2:], "--tokens", "5", *why, *first).status == 1
        found = {each["id"]: each for each in shell("budget", "list", "--json", *first).json}
        assert (found["b1"]["tokens"], found["b2"]["cost"], found["b2"]["set_by"]) == (5, "12.5", "first")
        assert "12.5" in shell("budget", "list", *first).out
        assert shell("budget", "remove", "b1", *why, *first).status == 0
        assert shell("budget", "remove", "b1", *why, *first).status == 1

        # Without the authority's key nothing is issued; what others issue is bound all the same.
        (home / "tls" / "ca.key").rename(tmp_path / "away.key")
        none = shell("user", "certificate", "add", "second", "--json", *first)
        assert (none.status, "authority_missing" in none.err + none.out) == (1, True)
