"""The live faces: what answers without a credential, and how they speak TLS (45 CFR 164.312(a), (d), (e)).

sslyze is a program of its own, under a licence and with pinned packages that keep it out of this environment: it is
run where the operator installed it. Without it our own handshakes are made all the same, and the check is inconclusive.
"""

import http.client
import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from wardkeep.cli._client import UnixConnection
from wardkeep.cli.assessing.ground import Ground, failed, passed, read_json, run_tool, unclear
from wardkeep.model.assessment import CheckResult
from wardkeep.model.registry import Surface
from wardkeep.web.control import PREFIX, ROUTES

_SECONDS: Final = 10.0
_OLD: Final = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2)
_FORGED: Final = "Bearer wk_user_0000000000000000000000000000000000000000"
_DENIED: Final = frozenset({401, 403})
_OTHERS: Final = ("PUT", "PATCH", "DELETE")
_SCIM: Final = ("/scim/v2/Users", "/scim/v2/Groups")
_OLD_SCANS: Final = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


def routes(ground: Ground) -> CheckResult:
    """Ask every route without a credential and with a forged one: each must deny."""
    asked, wrong = 0, []
    try:
        for name, status in _knocked(ground):
            asked += 1
            if status not in _DENIED:
                wrong.append(f"{name}: {status}")
    except (OSError, http.client.HTTPException) as error:
        return unclear("routes", "no_answer", asked, named=(f"after {asked}: {type(error).__name__}",))
    if wrong:
        return failed("routes", "answered", asked, named=wrong)
    if not ground.addresses:
        return unclear("routes", "ports_not_named", asked, named=("name the live faces with --address",))
    return passed("routes", "all_denied", asked)


def _knocked(ground: Ground) -> Iterator[tuple[str, int]]:
    host = ground.settings.listen.hosts[0]
    for route in ROUTES:
        path = PREFIX + route.path.replace("{}", "x")
        for credential in (None, _FORGED):
            line = UnixConnection(host, ground.settings.admin_socket_path)
            yield f"{route.method} {path}", _status(line, route.method, path, credential)
    for method in _OTHERS:
        line = UnixConnection(host, ground.settings.admin_socket_path)
        yield f"{method} {PREFIX}people", _status(line, method, PREFIX + "people", None)
    for address in ground.addresses:
        for method, path in _outside(address):
            yield f"{method} {path}", _status(_connection(address), method, path, None)


def _outside(address: str) -> Iterator[tuple[str, str]]:
    """Yield what is asked of a face on a port: which one it is follows from what it serves."""
    if _status(_connection(address), "GET", "/livez", None) == 200:
        return
    if _status(_connection(address), "GET", PREFIX + "people", None) in _DENIED:
        yield from ((route.method, PREFIX + route.path.replace("{}", "x")) for route in ROUTES)
        yield from (("GET", path) for path in _SCIM)
        return
    yield "GET", "/v1/models"
    yield from (("POST", surface.value) for surface in Surface)


def _status(line: http.client.HTTPConnection, method: str, path: str, credential: str | None) -> int:
    headers = {"Content-Type": "application/json"}
    if credential is not None:
        headers["Authorization"] = credential
    try:
        line.request(method, path, b"{}" if method == "POST" else None, headers)
        return line.getresponse().status
    finally:
        line.close()


def _connection(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https":
        # Who answers is the TLS check's affair; here only whether it answers.
        return http.client.HTTPSConnection(host, parts.port, timeout=_SECONDS, context=_any_context())
    return http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)


def _any_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def plant(ground: Ground) -> int:
    """Send the canary to every face as a stranger's call would carry it; return how many took it."""
    body = json.dumps({"model": ground.canary, "messages": [{"role": "user", "content": ground.canary}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + ground.canary}
    sent = 0
    for address in ground.addresses:
        line = _connection(address)
        try:
            line.request("POST", Surface.OPENAI_CHAT.value, body, headers)
            line.getresponse().read()
            sent += 1
        except (OSError, http.client.HTTPException):
            continue
        finally:
            line.close()
    return sent


def tls(ground: Ground) -> CheckResult:
    """Try old versions on every port, then let sslyze look."""
    if not ground.settings.is_tls_on:
        return unclear("tls", "plain_on_loopback", named=("TLS is off: only this machine reaches the ports",))
    if not ground.addresses:
        return unclear("tls", "ports_not_named", named=("name the live faces with --address",))
    wrong: list[str] = []
    for address in ground.addresses:
        parts = urlsplit(address)
        place = (parts.hostname or "", parts.port or 443)
        wrong += [f"port {place[1]} accepts {each.name}" for each in _OLD if _shakes_hands(place, each)]
        if not _shakes_hands(place, ssl.TLSVersion.TLSv1_3):
            wrong.append(f"port {place[1]} does not speak TLS 1.3")
    if wrong:
        return failed("tls", "versions", len(ground.addresses), named=wrong)
    return _sslyze(ground)


def _shakes_hands(place: tuple[str, int], only: ssl.TLSVersion) -> bool:
    context = _any_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = only
    context.minimum_version = only
    try:
        with socket.create_connection(place, _SECONDS) as line, context.wrap_socket(line, server_hostname=place[0]):
            return True
    except (ssl.SSLError, OSError):
        return False


def _sslyze(ground: Ground) -> CheckResult:
    program = shutil.which(ground.sslyze)
    if program is None:
        note = "install sslyze in an environment of its own and name it with --sslyze"
        return unclear("tls", "sslyze_missing", len(ground.addresses), named=(note,))
    targets = [f"{urlsplit(each).hostname}:{urlsplit(each).port}" for each in ground.addresses]
    out = ground.scratch / "sslyze.json"
    done = run_tool([program, f"--json_out={out}", *targets], seconds=ground.seconds_left(120))
    if done.status is None or not out.is_file():
        return unclear("tls", done.trouble or "no_answer", tool="sslyze")
    raw = out.read_bytes()
    return judge_sslyze(read_json(raw), targets, raw)


def judge_sslyze(told: Any, targets: list[str], raw: bytes) -> CheckResult:
    """Return what sslyze's JSON says; a port that was not scanned whole leaves it open."""
    rows = told.get("server_scan_results") if isinstance(told, dict) else None
    tool = f"sslyze {told.get('sslyze_version', '')}".strip() if isinstance(told, dict) else "sslyze"
    scans = [each for each in rows or () if isinstance(each, dict) and isinstance(each.get("scan_result"), dict)]
    wrong: list[str] = []
    unseen: list[str] = [] if len(scans) == len(targets) else ["not every port was scanned"]
    for each in scans:
        port = each.get("server_location", {}).get("port")
        found = each["scan_result"]
        for name in (*_OLD_SCANS, "tls_1_3"):
            scan = found.get(f"{name}_cipher_suites") or {}
            accepted = (scan.get("result") or {}).get("accepted_cipher_suites")
            if scan.get("status") != "COMPLETED" or accepted is None:
                unseen.append(f"port {port}: {name} was not scanned")
            elif bool(accepted) is not (name == "tls_1_3"):
                wrong.append(f"port {port}: {name} {'is accepted' if accepted else 'is not spoken'}")
        heartbleed = (found.get("heartbleed") or {}).get("result") or {}
        if heartbleed.get("is_vulnerable_to_heartbleed"):
            wrong.append(f"port {port}: heartbleed")
    if wrong:
        return failed("tls", "weak", len(scans), named=wrong, tool=tool, evidence=raw)
    if unseen:
        return unclear("tls", "not_scanned", len(scans), named=unseen, tool=tool, evidence=raw)
    return passed("tls", "only_1_3", len(scans), tool=tool, evidence=raw)
