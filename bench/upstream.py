"""The vendor: nginx on loopback with two fixed answers, and a recorder that keeps what it was sent.

nginx plays the vendor in the measured runs because it costs almost nothing beside the peers. It cannot look into a
request body before it answers, so the base path decides: `/v1` answers in one piece, `/stream/v1` as an event stream.
The recorder answers one call at a time and is used only to see what a peer lets through.
"""

import contextlib
import os
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import chat
from peers.contract import Unavailable
from peers.process import Spawned, free_port, spawn, stop, wait_until

_CONFIGURATION = """
{user}
worker_processes 1;
error_log {home}/error.log crit;
pid {home}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    open_file_cache max=16 inactive=300s;
    client_body_buffer_size 64k;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root {home}/answers;
        # A static file may not be POSTed to; the internal redirect turns the call into a GET of the fixed answer.
        location = /v1/chat/completions {{ rewrite ^ /chat.json break; error_page 405 =200 /chat.json; }}
        location = /stream/v1/chat/completions {{ rewrite ^ /stream.sse break; error_page 405 =200 /stream.sse; }}
        location = /chat.json {{ internal; default_type application/json; }}
        location = /stream.sse {{ internal; default_type text/event-stream; }}
        location = /requests {{ stub_status; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A running nginx and the base URLs a peer is pointed at."""

    chat_url: str
    stream_url: str
    status_url: str
    spawned: Spawned

    def requests(self) -> int:
        """Requests nginx has answered so far, this one included; shows whether each call really went upstream."""
        with urllib.request.urlopen(self.status_url, timeout=5) as answer:
            return int(answer.read().splitlines()[2].split()[2])


def find_nginx(env_dir: Path) -> str:
    """The nginx to run: the system's, else Debian's package unpacked under `env_dir`, which starts no service.

    Raises `Unavailable` when there is neither.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return found
    unpacked = env_dir / "usr" / "sbin" / "nginx"
    if not unpacked.exists():
        if shutil.which("apt-get") is None:
            raise Unavailable("nginx is not installed and this is not a Debian system: install nginx")
        env_dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            subprocess.run(["apt-get", "update", "-qq"], check=True, timeout=300)
        subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=env_dir, check=True, timeout=300)
        package = next(env_dir.glob("nginx_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(package), str(env_dir)], check=True, timeout=60)
    if subprocess.run([unpacked, "-v"], check=False, capture_output=True).returncode != 0:
        raise Unavailable("the unpacked nginx does not run here: install nginx with the system's package manager")
    return str(unpacked)


@contextlib.contextmanager
def nginx(binary: str, home: Path) -> Iterator[Upstream]:
    """Run nginx in `home` until the block ends."""
    shutil.rmtree(home, ignore_errors=True)
    answers = home / "answers"
    answers.mkdir(parents=True)
    (answers / "chat.json").write_bytes(chat.completion())
    (answers / "stream.sse").write_bytes(chat.event_stream())
    port = free_port()
    # Started as root, nginx would give its workers to an account that may not reach the checkout.
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(_CONFIGURATION.format(user=user, home=home, port=port))
    spawned = spawn(
        [binary, "-p", str(home), "-c", str(home / "nginx.conf"), "-g", "daemon off;"], log=home / "nginx.log"
    )
    base = f"http://127.0.0.1:{port}"
    upstream = Upstream(
        chat_url=f"{base}/v1", stream_url=f"{base}/stream/v1", status_url=f"{base}/requests", spawned=spawned
    )
    try:
        wait_until(lambda: upstream.requests() > 0, spawned=spawned, seconds=20)
        yield upstream
    finally:
        stop(spawned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A vendor that remembers the bodies it was sent."""

    url: str
    bodies: list[str]


@contextlib.contextmanager
def recorder() -> Iterator[Recorder]:
    """Run the recording vendor until the block ends."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(self._body().decode("utf-8", "replace"))
            answer = chat.completion()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            content = bytearray()
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Recorder(url=f"http://127.0.0.1:{server.server_address[1]}/v1", bodies=bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
