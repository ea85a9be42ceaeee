"""A time-stamping authority for tests: `openssl ts` behind HTTP on loopback, with its own small PKI."""

import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = one
[one]
dir = .
serial = {directory}/serial
crypto_device = builtin
signer_cert = {directory}/tsa.crt
signer_key = {directory}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
[tsa_ext]
basicConstraints = critical,CA:false
extendedKeyUsage = {usage}
"""

CA = ("-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign")


class Authority:
    """Keys, certificates and answers, all by the real openssl."""

    def __init__(self, directory: Path, *, usage="critical,timeStamping", ess="sha256", key="ec", days=2):
        self.directory = directory
        directory.mkdir()
        (directory / "serial").write_text("01\n")
        (directory / "config").write_text(CONFIG.format(directory=directory, usage=usage, ess=ess))
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") if key == "ec" else ("-newkey", "rsa:2048")
        make = ("req", "-x509", "-nodes", "-config", "/dev/null", "-subj")
        self._openssl(*make, "/CN=Test root", *kind, "-keyout", "ca.key", "-out", "ca.crt", "-days", "9", *CA)
        request = ("req", "-nodes", "-config", "/dev/null", "-subj", "/CN=Test authority")
        self._openssl(*request, *kind, "-keyout", "tsa.key", "-out", "tsa.csr")
        sign = ("x509", "-req", "-in", "tsa.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        extensions = ("-extfile", "config", "-extensions", "tsa_ext")
        self._openssl(*sign, "-out", "tsa.crt", "-days", str(days), *extensions)

    @property
    def roots(self) -> Path:
        return self.directory / "ca.crt"

    def _openssl(self, *arguments):
        return subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=60)

    def answer(self, query: bytes) -> bytes:
        (self.directory / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-queryfile", "query", "-config", "config", "-out", "answer")
        return (self.directory / "answer").read_bytes()

    def stamp(self, text: bytes) -> bytes:
        (self.directory / "text").write_bytes(text)
        self._openssl("ts", "-query", "-data", "text", "-sha256", "-cert", "-out", "own.query")
        return self.answer((self.directory / "own.query").read_bytes())


@contextmanager
def serving(authority: Authority, edit=lambda answer: answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = edit(authority.answer(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
