"""What a connection shows, and who gets past TLS: bytes on a real socket, certificates of right and wrong authorities.

What one is worth once shown is `unit/compliance/test_certificates.py`; a whole instance, `journeys/test_tls.py`.
"""

import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.attacks.wire import PATIENCE_SECONDS, read_answer, serving

from wardkeep.app.faces import tls_files
from wardkeep.crypto.ca import create_authority, issue_client_certificate, issue_server_certificate
from wardkeep.crypto.certificate import read_shown
from wardkeep.settings import SettingsInvalid, parse
from wardkeep.transport.tls import TlsFiles

REQUEST = b"GET / HTTP/1.1\r\nhost: gate.example\r\n\r\n"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "strange"):
        (directory / name).mkdir()
        authority = create_authority(directory / name, now=NOW)
        issue_server_certificate(authority, directory / name, names=["127.0.0.1"], now=NOW)
        issue = issue_client_certificate(authority, name="application:scheduler", days=1, now=NOW)
        (directory / f"{name}.pem").write_text(issue.certificate + issue.key.reveal())
    return directory


def files(place: Path, *, is_required: bool) -> TlsFiles:
    ours = place / "ours"
    return TlsFiles(
        certificate=ours / "server.crt",
        key=ours / "server.key",
        client_authority=ours / "ca.crt",
        is_client_required=is_required,
    )


async def shown(wire, place: Path, file: Path | None) -> str | None:
    """Connect with a certificate, or without one; return what the application was told of it."""
    import asyncio

    context = ssl.create_default_context(cafile=place / "ours" / "ca.crt")
    if file is not None:
        context.load_cert_chain(file)
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection("127.0.0.1", wire.port, ssl=context), PATIENCE_SECONDS
    )
    try:
        writer.write(REQUEST)
        await read_answer(reader)
        return wire.scopes[-1]["state"]["peer_key"]
    finally:
        writer.close()


async def test_the_application_hears_whose_key_the_connection_proved(place):
    async with serving(tls=files(place, is_required=False)) as wire:
        assert await shown(wire, place, place / "ours.pem") == read_shown((place / "ours.pem").read_bytes()).peer_key
        assert await shown(wire, place, None) is None


async def test_a_port_that_demands_a_certificate_takes_nobody_without(place):
    async with serving(tls=files(place, is_required=True)) as wire:
        assert await shown(wire, place, place / "ours.pem") is not None
        with pytest.raises((OSError, EOFError)):
            await shown(wire, place, None)
        assert len(wire.scopes) == 1


@pytest.mark.parametrize("is_required", [True, False])
async def test_another_authority_vouches_for_nobody(place, is_required):
    async with serving(tls=files(place, is_required=is_required)) as wire:
        with pytest.raises((OSError, EOFError)):
            await shown(wire, place, place / "strange.pem")
        assert wire.scopes == []


async def test_a_servers_certificate_is_no_clients(place, tmp_path):
    """Issued by the same authority, for something else (RFC 5280 section 4.2.1.12)."""
    ours, both = place / "ours", tmp_path / "server.pem"
    both.write_text((ours / "server.crt").read_text() + (ours / "server.key").read_text())
    async with serving(tls=files(place, is_required=False)) as wire:
        with pytest.raises((OSError, EOFError)):
            await shown(wire, place, both)
        assert wire.scopes == []


async def test_without_tls_nobody_shows_anything(place):
    async with serving() as wire:
        answer = await wire.say(REQUEST.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert answer.startswith(b"HTTP/1.1 200")
        assert wire.scopes[-1]["state"]["peer_key"] is None


def test_settings_that_demand_what_cannot_be_checked_are_refused(place, tmp_path):
    with pytest.raises(SettingsInvalid, match="only where TLS is on"):
        parse('[tls]\ndata_clients = "required"\n', tmp_path)
    demanding = parse('[tls]\nmode = "on"\ndata_clients = "required"\n', tmp_path)
    with pytest.raises(SettingsInvalid, match="names no file"):
        tls_files(demanding, demanding.tls.data_clients)
    held = replace(demanding, tls=replace(demanding.tls, client_authority=str(place / "ours" / "ca.crt")))
    assert tls_files(held, held.tls.data_clients).is_client_required
    assert tls_files(held, held.tls.console_clients).client_authority is None
    accepting = parse('[tls]\nmode = "on"\n', tmp_path)
    assert tls_files(accepting, accepting.tls.data_clients).client_authority is None
