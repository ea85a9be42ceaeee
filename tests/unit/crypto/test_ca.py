import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from wardkeep.crypto.ca import CertificateFiles, create_authority, issue_server_certificate
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
