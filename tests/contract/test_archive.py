"""Every archive keeps what it was given: a directory, and S3 with Object Lock (moto as a process)."""

import os
import select
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.attacks import forgeries
from tests.unit.audit import samples

from wardkeep.audit import verify as verifier
from wardkeep.audit.archive import Archiver, BucketArchive, DirectoryArchive
from wardkeep.audit.errors import ArchiveRefused
from wardkeep.audit.tiles import Leaf, first_needed, write_checkpoint, write_tiles
from wardkeep.audit.tree import leaf_hash, tree_root
from wardkeep.transport.errors import ObjectRefused
from wardkeep.transport.s3 import locked_bucket

RING = samples.keyring()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    pytest.importorskip("moto", reason="needs moto")
    boto3 = pytest.importorskip("boto3", reason="needs the extra `archive`")
    from tests.attacks.test_rollback import free_port

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    before = dict(os.environ)
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    try:
        seen = b""
        while b"Running on" not in seen:
            assert select.select([process.stderr], [], [], 60)[0], "moto did not start"
            part = os.read(process.stderr.fileno(), 4096)
            assert part, seen
            seen += part
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.create_bucket(Bucket="open")
        yield endpoint, client
    finally:
        process.terminate()
        process.wait(20)
        os.environ.clear()
        os.environ.update(before)


def bucket_of(s3, address):
    return locked_bucket(address, endpoint=s3[0], region="us-east-1", keep_days=10, now=lambda: datetime.now(UTC))


@pytest.fixture(params=["directory", "bucket"])
def archive(request, tmp_path):
    if request.param == "directory":
        yield DirectoryArchive(directory=tmp_path / "archive"), lambda: tmp_path / "archive"
        return
    endpoint = request.getfixturevalue("s3")
    place = f"s3://locked/{request.node.name}"

    def fetched():
        target = tmp_path / "fetched"
        pages = endpoint[1].list_objects_v2(Bucket="locked", Prefix=request.node.name + "/")
        for each in pages.get("Contents", []):
            file = target / each["Key"].removeprefix(request.node.name + "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(endpoint[1].get_object(Bucket="locked", Key=each["Key"])["Body"].read())
        return target

    yield BucketArchive(bucket=bucket_of(endpoint, place)), fetched


def chained(count):
    leaves, previous = [], bytes(32)
    for index in range(count):
        header = b'{"v":1,"index":%d,"prev":"%b","type":"read"}' % (index, previous.hex().encode())
        previous = leaf_hash(header)
        leaves.append(Leaf(header=header, hash=previous))
    return leaves


def publish(directory, leaves, before, size):
    write_tiles(directory, published=before, leaves=leaves[first_needed(before) : size])
    tree = tree_root([leaf.hash for leaf in leaves[:size]])
    write_checkpoint(directory, forgeries.note_for(RING.signer, size, tree))


def test_archive_follows_the_log_and_verifies_by_itself(archive, tmp_path):
    place, fetched = archive
    log, leaves = tmp_path / "log", chained(600)
    archiver = Archiver(directory=log, archive=place)
    assert archiver.push() == 0
    for before, size in ((0, 100), (100, 300), (300, 600)):
        publish(log, leaves, before, size)
        assert archiver.push() == size
        assert archiver.push() == size
        key = tmp_path / "ledger.pub"
        from wardkeep.audit.checkpoint import verifier_key_text

        key.write_text(verifier_key_text(forgeries.log_key(RING)))
        result = verifier.verify(fetched(), key)
        assert (result.ok, result.size) == (True, size), result.detail
    assert sorted(file.name for file in (fetched() / "checkpoints").iterdir()) == ["100.note", "300.note", "600.note"]


def test_what_is_kept_is_never_overwritten(archive, tmp_path):
    place, _ = archive
    place.put("tile/0/000", b"one")
    place.put("tile/0/000", b"one")
    with pytest.raises(ArchiveRefused):
        place.put("tile/0/000", b"two")
    place.put("checkpoint", b"first")
    place.put("checkpoint", b"second")


def test_cursor_moves_only_after_everything_was_put(archive, tmp_path):
    place, _ = archive
    log, leaves = tmp_path / "log", chained(300)
    publish(log, leaves, 0, 300)
    tile = log / "tile" / "0" / "000"
    whole = tile.read_bytes()
    tile.unlink()
    with pytest.raises(Exception, match="cannot be read"):
        Archiver(directory=log, archive=place).push()
    tile.write_bytes(whole)
    assert Archiver(directory=log, archive=place).push() == 300


def test_objects_are_locked_and_versions_stay(s3):
    from botocore.exceptions import ClientError

    bucket = bucket_of(s3, "s3://locked/lock")
    bucket.put("one", b"content")
    held = s3[1].head_object(Bucket="locked", Key="lock/one")
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert (held["ObjectLockRetainUntilDate"] - datetime.now(UTC)).days >= 9
    with pytest.raises(ClientError):
        s3[1].delete_object(Bucket="locked", Key="lock/one", VersionId=held["VersionId"])
    assert bucket.get("absent") is None


def test_bucket_that_does_not_lock_is_refused(s3):
    for address in ("s3://open/x", "s3://absent/x"):
        with pytest.raises(ObjectRefused):
            bucket_of(s3, address)
