"""A syslog receiver over TLS as a process (RFC 5425): what it read to the end of a connection stands in its file.

    python syslog_receiver.py CERTIFICATE KEY OUT [--port N] [--plain-end]

Prints its port. Messages are written to OUT, one a line (JSON strings), before the connection's end is answered, as a
receiver that loses nothing does.
"""

import argparse
import json
import os
import socket
import ssl
import sys
from pathlib import Path


def messages(content: bytes) -> list[str]:
    """Cut by octet counting (RFC 6587 section 3.4.1)."""
    found = []
    while content:
        length, _, rest = content.partition(b" ")
        count = int(length)
        if len(rest) < count:
            raise ValueError("a frame is cut")
        found.append(rest[:count].decode())
        content = rest[count:]
    return found


def take(line: ssl.SSLSocket, out: Path, *, plain_end: bool) -> None:
    content = b""
    while piece := line.recv(65536):
        content += piece
    with out.open("a", encoding="utf-8") as stream:
        for message in messages(content):
            stream.write(json.dumps(message) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    if not plain_end:
        line.unwrap()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("certificate")
    parser.add_argument("key")
    parser.add_argument("out", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--plain-end", action="store_true")
    given = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given.certificate, given.key)
    listener = socket.create_server(("127.0.0.1", given.port))
    print(listener.getsockname()[1], flush=True)
    while True:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as line:
                take(line, given.out, plain_end=given.plain_end)
        except (OSError, ValueError) as error:
            print(f"connection failed: {type(error).__name__}", file=sys.stderr)


if __name__ == "__main__":
    main()
