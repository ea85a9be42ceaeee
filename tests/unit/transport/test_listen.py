import socket

import pytest

from wardkeep.transport.listen import bind, bind_unix


def test_a_port_has_one_owner():
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        with pytest.raises(OSError):
            bind("127.0.0.1", port)


def test_workers_share_a_port_when_asked():
    with bind("127.0.0.1", 0, reuse_port=True) as first:
        port = first.getsockname()[1]
        with bind("127.0.0.1", port, reuse_port=True) as second:
            assert second.getsockname()[1] == port


def test_ipv6_is_its_own_address():
    with bind("::1", 0) as listener:
        assert listener.family == socket.AF_INET6
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_unix_socket_is_its_owners(tmp_path):
    path = tmp_path / "admin.sock"
    with bind_unix(path):
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(FileExistsError):
            bind_unix(path)
    with bind_unix(path, 0o660):
        assert path.stat().st_mode & 0o777 == 0o660
