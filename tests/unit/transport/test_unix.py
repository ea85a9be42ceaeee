import asyncio
import struct

import pytest
import uvloop

from wardkeep.transport.errors import FrameTooLargeError, KeeperFailed, KeeperLost
from wardkeep.transport.unix import MAX_FRAME_BYTES, FrameClient, FrameServer

PATIENCE_SECONDS = 5.0


@pytest.fixture(params=[uvloop.EventLoopPolicy, asyncio.DefaultEventLoopPolicy])
def event_loop_policy(request):
    return request.param()


class Keeper:
    """A keeper whose answers the test controls."""

    def __init__(self, path):
        self.path = path
        self.failed: list[str] = []
        self.held: dict[bytes, asyncio.Future[bytes]] = {}
        self.seen = asyncio.Event()
        self.left = asyncio.Event()
        self.server = FrameServer(
            path, self.handle, on_failed=self.failed.append, on_left=lambda _connection: self.left.set()
        )

    async def handle(self, connection, payload: bytes) -> bytes:
        if payload.startswith(b"hold"):
            self.held[payload] = asyncio.get_running_loop().create_future()
            self.seen.set()
            return await self.held[payload]
        if payload == b"fail":
            raise ValueError("what the worker sent")
        if payload == b"huge":
            return b"x" * (MAX_FRAME_BYTES + 1)
        if payload == b"push":
            connection.push(b"told")
        return payload[::-1]


@pytest.fixture
async def keeper(tmp_path):
    keeper = Keeper(tmp_path / "keeper.sock")
    await keeper.server.start()
    yield keeper
    await keeper.server.close()


@pytest.fixture
async def client(keeper):
    client = FrameClient(keeper.path)
    await client.connect()
    yield client
    await client.close()


@pytest.mark.parametrize("size", [0, 1, 1000, 70_000, 3_000_000, MAX_FRAME_BYTES])
async def test_messages_of_any_size_come_back_whole(client, size):
    payload = bytes(range(256)) * (size // 256 + 1)
    assert await client.call(payload[:size]) == payload[:size][::-1]


async def test_calls_in_flight_are_answered_in_any_order(keeper, client):
    first = asyncio.create_task(client.call(b"hold 1"))
    second = asyncio.create_task(client.call(b"hold 2"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(keeper.held) < 2:
            await asyncio.sleep(0)
    keeper.held[b"hold 2"].set_result(b"two")
    assert await second == b"two"
    assert not first.done()
    keeper.held[b"hold 1"].set_result(b"one")
    assert await first == b"one"


async def test_many_calls_at_once_keep_their_replies(client):
    replies = await asyncio.gather(*(client.call(b"%d" % n) for n in range(500)))
    assert replies == [(b"%d" % n)[::-1] for n in range(500)]


async def test_pushes_reach_every_worker(keeper, client):
    heard: list[bytes] = []
    other = FrameClient(keeper.path)
    await other.connect()
    client.on_push(heard.append)
    other.on_push(heard.append)
    await client.call(b"push")
    assert heard == [b"told"]
    assert await other.call(b"ab") == b"ba"  # both are known to the server now
    keeper.server.push(b"all")
    await client.call(b"")
    await other.call(b"")
    assert heard == [b"told", b"all", b"all"]
    await other.close()


async def test_a_failing_handler_fails_only_its_call(keeper, client, caplog):
    with pytest.raises(KeeperFailed):
        await client.call(b"fail")
    with pytest.raises(KeeperFailed):
        await client.call(b"huge")
    assert keeper.failed == ["ValueError", "FrameTooLargeError"]
    assert "what the worker sent" not in caplog.text
    assert await client.call(b"ab") == b"ba"


async def test_losing_the_keeper_fails_calls_in_flight_and_later_ones(keeper, client):
    lost = asyncio.Event()
    client.on_lost(lost.set)
    call = asyncio.create_task(client.call(b"hold"))
    await asyncio.wait_for(keeper.seen.wait(), PATIENCE_SECONDS)
    await keeper.server.close()
    with pytest.raises(KeeperLost):
        await asyncio.wait_for(call, PATIENCE_SECONDS)
    assert lost.is_set()
    with pytest.raises(KeeperLost):
        await client.call(b"x")
    with pytest.raises(KeeperLost):
        await client.connect()
    again = Keeper(keeper.path)
    await again.server.start()
    await client.connect()
    assert await client.call(b"ab") == b"ba"
    await again.server.close()


async def test_a_cancelled_call_leaves_the_others_alone(keeper, client):
    call = asyncio.create_task(client.call(b"hold"))
    await asyncio.wait_for(keeper.seen.wait(), PATIENCE_SECONDS)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    keeper.held[b"hold"].set_result(b"late")
    assert await client.call(b"ab") == b"ba"


async def test_too_large_messages_are_not_sent(client):
    with pytest.raises(FrameTooLargeError):
        await client.call(b"x" * (MAX_FRAME_BYTES + 1))
    assert await client.call(b"ab") == b"ba"


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">II", MAX_FRAME_BYTES + 1, 1),
        struct.pack(">II", 0xFFFFFFFF, 1),
        struct.pack(">II", 1, 0) + b"x",
        struct.pack(">II", 1, 0x80000001) + b"x",
    ],
)
async def test_frames_that_no_worker_sends_end_the_connection(keeper, client, frame):
    reader, writer = await asyncio.open_unix_connection(str(keeper.path))
    writer.write(frame)
    assert await asyncio.wait_for(reader.read(-1), PATIENCE_SECONDS) == b""
    writer.close()
    assert await client.call(b"ab") == b"ba"


async def test_frames_in_pieces_are_put_together(keeper):
    reader, writer = await asyncio.open_unix_connection(str(keeper.path))
    sent = struct.pack(">II", 2, 7) + b"ab" + struct.pack(">II", 3, 8) + b"cde"
    for at in range(len(sent)):
        writer.write(sent[at : at + 1])
        await asyncio.sleep(0)
    expected = struct.pack(">II", 2, 7) + b"ba" + struct.pack(">II", 3, 8) + b"edc"
    assert await asyncio.wait_for(reader.readexactly(len(expected)), PATIENCE_SECONDS) == expected
    writer.close()


async def test_the_socket_is_private_and_has_one_owner(keeper):
    assert keeper.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        await Keeper(keeper.path).server.start()


async def test_a_dead_socket_is_replaced_and_a_file_is_not(tmp_path):
    path = tmp_path / "s.sock"
    server = asyncio.start_unix_server(lambda _reader, _writer: None, path=path)
    left = await server
    left.close()
    await left.wait_closed()
    if not path.exists():  # a loop that removes its sockets: leave one as a crash would
        import socket

        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    keeper = Keeper(path)
    await keeper.server.start()
    await keeper.server.close()
    path.write_text("kept")
    with pytest.raises(FileExistsError):
        await Keeper(path).server.start()
    assert path.read_text() == "kept"


async def test_a_peer_that_is_another_user_is_dropped(keeper, monkeypatch):
    monkeypatch.setattr("wardkeep.transport.unix.os.geteuid", lambda: 2**31 - 7)
    reader, writer = await asyncio.open_unix_connection(str(keeper.path))
    assert await asyncio.wait_for(reader.read(-1), PATIENCE_SECONDS) == b""
    writer.close()


async def test_a_worker_has_left_when_its_last_call_is_answered(keeper, client):
    call = asyncio.create_task(client.call(b"hold"))
    await asyncio.wait_for(keeper.seen.wait(), PATIENCE_SECONDS)
    await client.close()
    with pytest.raises(KeeperLost):
        await call
    async with asyncio.timeout(PATIENCE_SECONDS):
        while keeper.server.connections:
            await asyncio.sleep(0)
    assert not keeper.left.is_set()
    keeper.held[b"hold"].set_result(b"committed")
    await asyncio.wait_for(keeper.left.wait(), PATIENCE_SECONDS)


async def test_an_idle_worker_leaves_at_once(keeper, client):
    await client.call(b"ab")
    await client.close()
    await asyncio.wait_for(keeper.left.wait(), PATIENCE_SECONDS)
