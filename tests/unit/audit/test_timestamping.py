"""Heads are stamped by an outside clock, and both our code and the one-file verifier check the stamps (RFC 3161)."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from tests.attacks import forgeries
from tests.unit.audit import samples
from tests.unit.audit.authority import Authority, serving

from wardkeep.audit import verify as verifier
from wardkeep.audit.errors import TimestampRefused
from wardkeep.audit.timestamping import TIMESTAMPS, Timestamper
from wardkeep.transport.pool import Origin, Pool

pytest.importorskip("rfc3161_client", reason="needs the extra `timestamps`")
if shutil.which("openssl") is None:
    pytest.skip("needs openssl as the authority", allow_module_level=True)

RING = samples.keyring()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    home = tmp_path_factory.mktemp("original")
    asyncio.run(samples.write_batches(home, RING, forgeries.SIZES))
    return home


@pytest.fixture
def kit(original, tmp_path):
    return forgeries.make_kit(original, tmp_path, RING)


async def stamp(kit, url, authority):
    pool = Pool([Origin(url=url)])
    try:
        stamper = Timestamper(url=url, roots=authority.roots.read_bytes(), pool=pool, directory=kit.home / "log")
        return await stamper.stamp(kit.kept.read_bytes())
    finally:
        await pool.close()


def checked(kit, authority):
    return verifier.verify(kit.home, timestamps=(kit.home / "log" / TIMESTAMPS, authority.roots))


async def test_head_is_stamped_kept_and_verified_offline(kit, authority):
    with serving(authority) as url:
        made = await stamp(kit, url, authority)
    assert made.size == forgeries.TOTAL
    assert abs(made.at - datetime.now(UTC)) < timedelta(minutes=5)
    result = checked(kit, authority)
    assert (result.ok, result.stamped, result.stamped_at) == (True, made.size, made.at.isoformat())
    text = verifier.certificate(result, subject="a copy", at=made.at, verifier=b"")
    assert f"{made.size} entries stood at" in " ".join(text.split())


@pytest.mark.parametrize("at", [5, 60, 200, -10, -40])
async def test_changed_answer_is_refused_and_not_kept(kit, authority, at):
    def edit(answer):
        changed = bytearray(answer)
        changed[at] ^= 1
        return bytes(changed)

    with serving(authority, edit) as url, pytest.raises(TimestampRefused):
        await stamp(kit, url, authority)
    assert not (kit.home / "log" / TIMESTAMPS).exists()


async def test_authority_that_is_not_there_or_not_trusted(kit, authority, tmp_path):
    with pytest.raises(TimestampRefused):
        await stamp(kit, "http://127.0.0.1:9/", authority)
    other = Authority(tmp_path / "other")
    with serving(other) as url, pytest.raises(TimestampRefused):
        await stamp(kit, url, authority)


def put(kit, token, note=None):
    place = kit.home / "log" / TIMESTAMPS
    place.mkdir(parents=True, exist_ok=True)
    (place / "50.tsr").write_bytes(token)
    (place / "50.note").write_bytes(note or kit.kept.read_bytes())


def text_of(note):
    return note.partition(b"\n\n")[0] + b"\n"


@pytest.mark.parametrize(("key", "ess"), [("rsa", "sha1"), ("ec", "sha512")])
def test_other_keys_and_certificate_identifiers(kit, tmp_path, key, ess):
    other = Authority(tmp_path / "other", key=key, ess=ess)
    put(kit, other.stamp(text_of(kit.kept.read_bytes())))
    assert checked(kit, other).ok


def test_verifier_refuses_what_does_not_hold(kit, authority, tmp_path):
    token = authority.stamp(text_of(kit.kept.read_bytes()))
    put(kit, token)
    assert checked(kit, authority).ok
    changed = 0
    for at in range(0, len(token), 7):
        flipped = bytearray(token)
        flipped[at] ^= 4
        put(kit, bytes(flipped))
        result = checked(kit, authority)
        changed += not result.ok
        # a flip that passes may only stand where nothing is claimed: unsigned parts such as the carried root
        assert result.ok is False or result.stamped == forgeries.TOTAL
        assert result.damage in {"timestamp", None}
    assert changed > len(token) // 7 * 0.6
    put(kit, authority.stamp(b"another text"))
    assert (checked(kit, authority).damage, checked(kit, authority).first_bad_index) == ("timestamp", None)
    put(kit, token[:40])
    assert checked(kit, authority).damage == "timestamp"
    put(kit, token, b"no note")
    assert checked(kit, authority).damage == "timestamp"
    forked = forgeries.note_for(RING.signer, 30, b"\x01" * 32)
    put(kit, authority.stamp(text_of(forked)), forked)
    assert checked(kit, authority).damage == "forked"


def test_certificates_for_other_uses_or_from_other_roots_are_refused(kit, authority, tmp_path):
    text = text_of(kit.kept.read_bytes())
    other = Authority(tmp_path / "other")
    put(kit, other.stamp(text))
    assert checked(kit, authority).damage == "timestamp"
    with pytest.raises(verifier.UnusableInput):
        verifier.verify(kit.home, timestamps=(tmp_path, authority.roots))
    with pytest.raises(verifier.UnusableInput):
        verifier.verify(kit.home, timestamps=(kit.home / "log" / TIMESTAMPS, kit.home / "ledger.pub"))
