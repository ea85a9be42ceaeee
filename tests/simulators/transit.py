"""Vault's transit engine, token and AppRole login, as its HTTP API documents them; a process of its own.

It prints its port. `POST /simulator` with `{"mode": ...}` changes how it behaves (`sealed`, `standby`, `forbidden`,
`broken`, `silent`, `ok`); that path is no part of Vault.
"""

import json
import os
import sys
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.simulated-token"
ROLE_ID, SECRET_ID = "7b0c-role", "51aa-secret"
MODES = {"sealed": (503, "Vault is sealed"), "forbidden": (403, "permission denied"), "broken": (500, "internal error")}

STATE = {"mode": "ok", "asked": 0, "keys": {}, "tokens": {TOKEN}, "namespace": ""}
NEVER = Event()


class Refused(Exception):
    def __init__(self, status, *errors):
        super().__init__(status)
        self.status, self.errors = status, errors


def new_key(**attributes):
    return {
        "type": "aes256-gcm96", "exportable": False, "allow_plaintext_backup": False, "derived": False,
        "versions": [os.urandom(32)], **attributes,
    }  # fmt: skip


STATE["keys"] |= {
    "wardkeep": new_key(),
    "another": new_key(),
    "leaving": new_key(exportable=True),
    "signing": new_key(type="ed25519"),
}


def encrypt(key, plaintext):
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(key["versions"][-1]).encrypt(nonce, b64decode(plaintext), b"")
    return {"ciphertext": f"vault:v{len(key['versions'])}:{b64encode(sealed).decode()}"}


def decrypt(key, ciphertext):
    try:
        _, version, text = ciphertext.split(":")
        sealed = b64decode(text, validate=True)
        number = int(version.removeprefix("v"))
        plain = AESGCM(dict(enumerate(key["versions"], 1))[number]).decrypt(sealed[:12], sealed[12:], b"")
    except (ValueError, KeyError, InvalidTag):
        raise Refused(400, "cipher: message authentication failed") from None
    return {"plaintext": b64encode(plain).decode()}


class Face(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document, headers=()):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        length = int(self.headers.get("content-length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else {}
        if self.path == "/simulator":
            STATE.update(sent)
            return self.answer(200, {"asked": STATE["asked"]})
        STATE["asked"] += 1
        mode = STATE["mode"]
        if self.path == "/v1/sys/health":
            return self.answer(200, {"initialized": True, "sealed": False, "version": "1.18.3"})
        if mode == "silent":
            NEVER.wait()
        if mode == "standby":
            return self.answer(307, {}, [("location", "http://127.0.0.1:1/")])
        if mode in MODES:
            return self.answer(MODES[mode][0], {"errors": [MODES[mode][1]]})
        try:
            return self.answer(200, self.asked(sent))
        except Refused as refused:
            return self.answer(refused.status, {"errors": refused.errors})

    def asked(self, sent):
        if (self.headers.get("x-vault-namespace") or "") != STATE["namespace"]:
            raise Refused(404)
        if self.path == "/v1/auth/approle/login":
            if (sent.get("role_id"), sent.get("secret_id")) != (ROLE_ID, SECRET_ID):
                raise Refused(400, "invalid role or secret ID")
            token = "hvs." + os.urandom(8).hex()
            STATE["tokens"].add(token)
            return {"auth": {"client_token": token, "lease_duration": 1200}}
        if self.headers.get("x-vault-token") not in STATE["tokens"]:
            raise Refused(403, "permission denied")
        match self.path.split("/")[2:]:
            case ["transit", "keys", name] if name in STATE["keys"] and self.command == "GET":
                key = {**STATE["keys"][name]}
                return {"data": {**key, "latest_version": len(key.pop("versions")), "versions": None}}
            case ["transit", "keys", name, "rotate"] if name in STATE["keys"]:
                STATE["keys"][name]["versions"].append(os.urandom(32))
                return {}
            case ["transit", "encrypt", name]:
                # Vault makes a missing key here when the policy allows it.
                return {"data": encrypt(STATE["keys"].setdefault(name, new_key()), sent["plaintext"])}
            case ["transit", "decrypt", name] if name in STATE["keys"]:
                return {"data": decrypt(STATE["keys"][name], sent["ciphertext"])}
            case ["transit", "rewrap", name] if name in STATE["keys"]:
                plain = decrypt(STATE["keys"][name], sent["ciphertext"])["plaintext"]
                return {"data": encrypt(STATE["keys"][name], plain)}
            case _:
                raise Refused(404)

    do_GET = handle_one
    do_POST = handle_one

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Face)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
