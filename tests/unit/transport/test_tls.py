import asyncio
import hashlib
import ssl
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.attacks.wire import read_answer, serving
from tests.unit.transport.vendor import OK, says, vendor, write_certificate

from wardkeep.transport.errors import PeerKeyUnexpected, RequestUnsendableError, VendorUnreachable
from wardkeep.transport.pool import Origin, Pool, UpstreamRequest
from wardkeep.transport.tls import TlsDemands, TlsFiles, offered_groups, server_context, vendor_context


@pytest.fixture
def files(tmp_path):
    certificate, key = write_certificate(tmp_path)
    return TlsFiles(certificate=certificate, key=key)


def ask(url: str) -> UpstreamRequest:
    return UpstreamRequest(method="POST", url=url + "/v1", headers=(), body=b"{}")


async def read(pool: Pool, url: str) -> bytes:
    response = await pool.open(ask(url))
    try:
        return await response.read()
    finally:
        await response.close()


async def test_a_private_authority_is_trusted_when_it_is_named(files):
    async with vendor(says(OK), context=server_context(files)) as here:
        pool = Pool([Origin(url=here.url, tls=TlsDemands(authority=files.certificate))])
        assert await read(pool, here.url) == b"{}"
        assert await read(pool, here.url) == b"{}"
        assert here.connections == 1
        await pool.close()


async def test_an_unknown_authority_is_unreachable(files):
    async with vendor(says(OK), context=server_context(files)) as here:
        pool = Pool([Origin(url=here.url)])
        with pytest.raises(VendorUnreachable):
            await pool.open(ask(here.url))
        assert here.requests == []


async def test_another_name_is_unreachable(tmp_path):
    certificate, key = write_certificate(tmp_path, host="127.0.0.2")
    context = server_context(TlsFiles(certificate=certificate, key=key))
    async with vendor(says(OK), context=context) as here:
        pool = Pool([Origin(url=here.url, tls=TlsDemands(authority=certificate))])
        with pytest.raises(VendorUnreachable):
            await pool.open(ask(here.url))


async def test_an_old_vendor_is_reached_only_when_marked(files):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.load_cert_chain(files.certificate, files.key)
    async with vendor(says(OK), context=old) as here:
        strict = Pool([Origin(url=here.url, tls=TlsDemands(authority=files.certificate))])
        with pytest.raises(VendorUnreachable):
            await strict.open(ask(here.url))
        marked = Pool([Origin(url=here.url, tls=TlsDemands(authority=files.certificate, minimum="1.2"))])
        assert await read(marked, here.url) == b"{}"
        await marked.close()


async def test_callers_speak_tls_1_3_or_nothing(files):
    async with serving(tls=files) as wire:
        context = vendor_context(TlsDemands(authority=files.certificate))
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port, ssl=context)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: gate.example\r\n\r\n")
        head, _ = await read_answer(reader)
        writer.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert wire.scopes[0]["scheme"] == "https"

        old = ssl.create_default_context(cafile=files.certificate)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", wire.port, ssl=old)


async def test_a_refusal_over_tls_arrives(files):
    async with serving(tls=files, linger_seconds=0.05) as wire:
        context = vendor_context(TlsDemands(authority=files.certificate))
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port, ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        head, body = await read_answer(reader)
        writer.close()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"host_invalid" in body


async def test_plain_bytes_on_the_tls_port_get_nothing(files):
    async with serving(tls=files) as wire:
        answer = await wire.say(b"GET / HTTP/1.1\r\nHost: gate.example\r\n\r\n")
        assert b"HTTP/1.1" not in answer
        assert wire.scopes == []


def test_missing_files_are_an_error_at_start(tmp_path):
    with pytest.raises(OSError):
        server_context(TlsFiles(certificate=tmp_path / "none.pem", key=tmp_path / "none.key"))
    with pytest.raises(OSError):
        vendor_context(TlsDemands(authority=tmp_path / "none.pem"))


def key_of(certificate: bytes) -> bytes:
    return hashlib.sha256(certificate).digest()


@asynccontextmanager
async def keyed(files, **demands):
    """A vendor whose key matters, and a pool that may go there."""
    async with vendor(says(OK), context=server_context(files)) as here:
        origin = Origin(url=here.url, tls=TlsDemands(authority=files.certificate), **demands)
        pool = Pool([origin], key_of=key_of)
        try:
            yield here, pool, origin
        finally:
            await pool.close()


def shown(files) -> bytes:
    return key_of(ssl.PEM_cert_to_DER_cert(files.certificate.read_text()))


def pin(key: bytes) -> str:
    return "sha256/" + b64encode(key).decode()


async def test_a_pinned_vendor_is_spoken_to_under_any_of_its_pins(files):
    async with keyed(files, pins=frozenset({pin(bytes(32)), pin(shown(files))})) as (here, pool, origin):
        assert await read(pool, here.url) == b"{}"
        assert pool.met(origin) == shown(files)


async def test_nothing_is_sent_to_another_key_than_the_pinned(files):
    async with keyed(files, pins=frozenset({pin(bytes(32))})) as (here, pool, origin):
        with pytest.raises(PeerKeyUnexpected) as error:
            await pool.open(ask(here.url))
        assert not error.value.may_have_sent
        with pytest.raises(PeerKeyUnexpected):
            await pool.meet(origin)
        assert here.requests == []
        assert pool.sent == 0


async def test_nothing_is_sent_to_an_attested_origin_without_its_proven_key(files):
    async with keyed(files, is_attested=True) as (here, pool, origin):
        with pytest.raises(RequestUnsendableError):
            await pool.open(ask(here.url))
        with pytest.raises(PeerKeyUnexpected):
            await pool.open(replace(ask(here.url), peer_key=bytes(32)))
        assert here.requests == []
        assert pool.met(origin) is None
        key = await pool.meet(origin)
        assert key == shown(files) == pool.met(origin) == await pool.meet(origin)
        with pytest.raises(PeerKeyUnexpected):
            await pool.open(replace(ask(here.url), peer_key=bytes(32)))
        assert pool.met(origin) == key  # the connection of the proven key is kept
        response = await pool.open(replace(ask(here.url), peer_key=key, is_counted=False))
        assert await response.read() == b"{}"
        await response.close()
        assert len(here.requests) == 1
        assert pool.sent == 0


async def test_an_origin_whose_key_matters_needs_tls_and_a_way_to_name_keys(files):
    pinned = frozenset({pin(bytes(32))})
    for origin, named in (
        (Origin(url="http://127.0.0.1:1", pins=pinned), key_of),
        (Origin(url="http://127.0.0.1:1", is_attested=True), key_of),
        (Origin(url="https://127.0.0.1:1", pins=pinned), None),
    ):
        pool = Pool([], key_of=named)
        assert pool.set_origins([origin]) == (origin,)
        with pytest.raises(RequestUnsendableError):
            await pool.meet(origin)


def test_what_is_offered_is_read_from_what_is_sent():
    context = vendor_context(TlsDemands())
    assert 0x1D in offered_groups(context)  # x25519
    context.set_ecdh_curve("prime256v1")
    assert offered_groups(context) == {0x17}
