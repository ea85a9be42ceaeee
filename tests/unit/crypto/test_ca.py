import socket
import ssl
import threading
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from wardkeep.crypto.ca import (
    CertificateFiles,
    create_authority,
    issue_client_certificate,
    issue_server_certificate,
)
from wardkeep.crypto.certificate import read_shown
from wardkeep.crypto.errors import CertificateError

NOW = datetime.now(UTC)


def issue(tmp_path, names, now=NOW):
    authority = create_authority(tmp_path, now=NOW)
    return authority, issue_server_certificate(authority, tmp_path, names=names, now=now)


def shake(authority, server, name) -> str | None:
    ours, theirs = socket.socketpair()
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(server.certificate, server.key)
    calling = ssl.create_default_context(cafile=authority.certificate)

    def serve():
        try:
            accepting.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with calling.wrap_socket(ours, server_hostname=name) as secured:
            return secured.version()
    finally:
        thread.join(10)


@pytest.mark.parametrize("name", ["localhost", "gateway.example", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_accepts_each_name(tmp_path, name):
    authority, server = issue(tmp_path, ["localhost", "gateway.example", "127.0.0.1", "::1"])
    assert shake(authority, server, name) == "TLSv1.3"


def test_another_name_is_refused(tmp_path):
    authority, server = issue(tmp_path, ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(authority, server, "gateway.example")


def test_files_are_private_and_never_overwritten(tmp_path):
    authority, server = issue(tmp_path, ["localhost"])
    for file in (authority.key, server.key):
        assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CertificateError):
        create_authority(tmp_path, now=NOW)
    with pytest.raises(CertificateError):
        issue_server_certificate(authority, tmp_path, names=["localhost"], now=NOW)


def test_no_name_an_expired_authority_and_missing_files_are_refused(tmp_path):
    authority = create_authority(tmp_path, now=NOW)
    with pytest.raises(CertificateError):
        issue_server_certificate(authority, tmp_path, names=[], now=NOW)
    with pytest.raises(CertificateError):
        issue_server_certificate(authority, tmp_path, names=["localhost"], now=NOW + timedelta(days=4000))
    absent = CertificateFiles(certificate=tmp_path / "absent.crt", key=authority.key)
    with pytest.raises(CertificateError):
        issue_server_certificate(absent, tmp_path, names=["localhost"], now=NOW)


def test_key_of_another_authority_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = (create_authority(tmp_path / name, now=NOW) for name in "ab")
    mixed = CertificateFiles(certificate=one.certificate, key=two.key)
    with pytest.raises(CertificateError):
        issue_server_certificate(mixed, tmp_path, names=["localhost"], now=NOW)


def request(key, *, spoil=False) -> bytes:
    signed = (
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None if ed(key) else SHA256())
    )
    if not spoil:
        return signed.public_bytes(Encoding.PEM)
    der = bytearray(signed.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + b64encode(der) + b"\n-----END CERTIFICATE REQUEST-----\n"


def ed(key) -> bool:
    return isinstance(key, ed25519.Ed25519PrivateKey)


def key_hash(key) -> str:
    return sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def test_a_client_certificate_for_a_new_key_comes_with_that_key(tmp_path):
    authority = create_authority(tmp_path, now=NOW)
    issued = issue_client_certificate(authority, name="application:scheduler", days=90, now=NOW)
    shown = read_shown(issued.certificate.encode())
    key = load_pem_private_key(issued.key.reveal().encode(), None)
    assert shown.peer_key == key_hash(key)
    assert shown.not_after == (NOW + timedelta(days=90)).replace(microsecond=0)
    assert issued.key.reveal() not in repr(issued)
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("make", [lambda: ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate])
def test_of_a_request_the_key_is_taken_and_nothing_else(tmp_path, make):
    authority, key = create_authority(tmp_path, now=NOW), make()
    issued = issue_client_certificate(authority, name="person:nia", days=1, now=NOW, csr=request(key))
    assert issued.key is None
    assert read_shown(issued.certificate.encode()).peer_key == key_hash(key)
    assert "person:nia" in x509.load_pem_x509_certificate(issued.certificate.encode()).subject.rfc4514_string()


@pytest.mark.parametrize("case", ["nonsense", "spoiled", "short", "too long"])
def test_a_request_that_does_not_hold_gets_nothing(tmp_path, case):
    authority, key = create_authority(tmp_path, now=NOW), ec.generate_private_key(ec.SECP256R1())
    csr = {
        "nonsense": lambda: b"no request",
        "spoiled": lambda: request(key, spoil=True),
        "short": lambda: request(rsa.generate_private_key(65537, 2048)),
        "too long": lambda: request(key),
    }[case]()
    days = 3651 if case == "too long" else 90
    with pytest.raises(CertificateError):
        issue_client_certificate(authority, name="person:nia", days=days, now=NOW, csr=csr)


def test_what_is_no_certificate_shows_no_key():
    with pytest.raises(CertificateError):
        read_shown(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
