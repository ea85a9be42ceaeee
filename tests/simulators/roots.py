"""Who holds a root outside the process: Vault's simulator, a soft token, and AWS KMS by moto, each as a process or a
real module."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.simulators import transit

PIN = "473921"
TOKEN_LABEL = "clinic"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


@dataclass
class Vault:
    process: subprocess.Popen
    port: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def root(self, key="wardkeep", more=""):
        return f"vault:{self.url}/transit/{key}?token-env=CLINIC_VAULT_TOKEN{more}"

    def tell(self, **state):
        """Change how it behaves; return how often it was asked."""
        request = urllib.request.Request(f"{self.url}/simulator", data=json.dumps(state).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["asked"]

    def rotate(self, key="wardkeep"):
        request = urllib.request.Request(
            f"{self.url}/v1/transit/keys/{key}/rotate", method="POST", headers={"x-vault-token": transit.TOKEN}
        )
        urllib.request.urlopen(request, timeout=60).close()

    def stop(self):
        """Make it hang: its socket takes connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def vault_process():
    process = subprocess.Popen([sys.executable, transit.__file__], stdout=subprocess.PIPE)
    try:
        yield Vault(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def kms_process():
    """Yield the endpoint of AWS KMS, as moto has it."""
    pytest.importorskip("moto", reason="needs moto")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        seen = b""
        while not (found := re.search(rb"Running on (http://127\.0\.0\.1:[0-9]+)", seen)):
            assert select.select([process.stderr], [], [], 120)[0], "moto did not start"
            part = os.read(process.stderr.fileno(), 4096)
            assert part, seen
            seen += part
        yield found[1].decode()
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


def soft_token(config, make_place):
    """Return module and settings file of this process's soft token: a module is initialised once a process."""
    module = next((each for each in MODULES if Path(each).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs the Debian package softhsm2")
    pytest.importorskip("pkcs11", reason="needs the extra `pkcs11`")
    if _TOKEN not in config.stash:
        place = make_place("softhsm")
        (place / "tokens").mkdir()
        conf = place / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {place / 'tokens'}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(conf)
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", TOKEN_LABEL, "--so-pin", "9" * 8, "--pin", PIN],
            check=True,
            capture_output=True,
        )
        for label, extractable in (("wardkeep", False), ("another", False), ("leaving", True)):
            make_key(module, label, extractable=extractable)
        config.stash[_TOKEN] = conf
    return module, config.stash[_TOKEN]


def make_key(module, label, *, extractable):
    import pkcs11

    with pkcs11.lib(module).get_token(token_label=TOKEN_LABEL).open(user_pin=PIN, rw=True) as session:
        session.generate_key(
            pkcs11.KeyType.AES,
            256,
            label=label,
            store=True,
            template={pkcs11.Attribute.SENSITIVE: not extractable, pkcs11.Attribute.EXTRACTABLE: extractable},
        )


def token_root(module, key="wardkeep", token=TOKEN_LABEL):
    return f"pkcs11:token={token};object={key}?module-path={module}&pin-source=env:CLINIC_PIN"


_TOKEN = pytest.StashKey[Path]()
