from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from wardkeep.crypto.ca import create_authority, issue_server_certificate
from wardkeep.crypto.certificate import read_certificate
from wardkeep.crypto.errors import CertificateError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_certificate_says_its_names_and_dates(tmp_path):
    names = ("AI.Clinic.Example", "*.wards.example", "10.0.0.7", "::1")
    issued = issue_server_certificate(create_authority(tmp_path, now=NOW), tmp_path, names=names, now=NOW)
    facts = read_certificate(issued.certificate)
    assert facts.names == {"ai.clinic.example", "*.wards.example", "10.0.0.7", "::1"}
    assert facts.not_before < NOW < facts.not_after
    assert all(facts.covers(host) for host in ("ai.clinic.example", "AI.clinic.example", "a.wards.example", "::1"))
    assert not any(facts.covers(host) for host in ("clinic.example", "a.b.wards.example", "wards.example", "10.0.0.8"))


def test_a_common_name_is_no_name(tmp_path):
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ai.clinic.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )
    (tmp_path / "x.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    assert not read_certificate(tmp_path / "x.crt").covers("ai.clinic.example")


@pytest.mark.parametrize("content", [b"", b"nothing"])
def test_what_is_no_certificate_is_refused(tmp_path, content):
    (tmp_path / "x.crt").write_bytes(content)
    with pytest.raises(CertificateError):
        read_certificate(tmp_path / "x.crt")
    with pytest.raises(CertificateError):
        read_certificate(tmp_path / "absent.crt")
