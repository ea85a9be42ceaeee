"""TLS in both directions (45 CFR 164.312(e)(1)): an instance that serves TLS, before a vendor that has a private CA."""

import http.client
import json
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.journeys.house import PATIENCE_SECONDS, ZONE, today, wait_until

from wardkeep.crypto.ca import (
    CertificateFiles,
    create_authority,
    issue_client_certificate,
    issue_server_certificate,
)
from wardkeep.demo.furnish import FIRST, OPENAI_VENDOR, SECOND, Vendors, add_deployment, add_route, create_key, furnish
from wardkeep.demo.instance import Instance, InstanceError
from wardkeep.demo.vendor import Received, SimulatorProcess

NAME = "Rosalind Okafor"
RECORD = "40718265"
NOTE = f"Patient {NAME} (MRN: {RECORD}) was seen for chest pain."
FACES = ("data", "console", "operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A running instance that speaks TLS, the vendor it trusts, vendors it must not trust, and a key for all routes."""

    instance: Instance
    vendor: SimulatorProcess
    distrusted: tuple[SimulatorProcess, ...]
    api_key: str
    authority: Path


@pytest.fixture(autouse=True)
def _fresh_vendor() -> None:
    """This file has an instance of its own."""


def made(directory: Path) -> CertificateFiles:
    directory.mkdir()
    return create_authority(directory, now=datetime.now(UTC))


def issued(authority: CertificateFiles, directory: Path, *names: str) -> CertificateFiles:
    directory.mkdir()
    return issue_server_certificate(authority, directory, names=names, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def secured(tmp_path_factory) -> Iterator[Secured]:
    place = tmp_path_factory.mktemp("tls")
    theirs, strangers = made(place / "theirs"), made(place / "strangers")
    good = issued(theirs, place / "good", "127.0.0.1")
    other = issued(theirs, place / "other", "vendor.example")
    instance = Instance(home=place / "home", workers=2, ca_file=place / "home" / "tls" / "ca.crt")
    with (
        SimulatorProcess(tls_cert=good.certificate, tls_key=good.key, ca_file=theirs.certificate) as vendor,
        SimulatorProcess(tls_cert=good.certificate, tls_key=good.key, ca_file=theirs.certificate) as unproven,
        Misnamed(tls_cert=other.certificate, tls_key=other.key, ca_file=theirs.certificate) as misnamed,
    ):
        instance.init(zone=ZONE)
        settings = instance.home / "wardkeep.toml"
        text = settings.read_text().replace('mode = "auto"', 'mode = "on"')
        settings.write_text(text.replace('console_clients = "ignored"', 'console_clients = "accepted"'))
        with instance:
            where = Vendors(
                openai_url=vendor.openai_url,
                anthropic_url=vendor.url,
                openai_key=vendor.openai_key,
                anthropic_key=vendor.anthropic_key,
                ca_file=str(theirs.certificate),
            )
            furnish(instance, where, ["sim-echo"], today=today())
            # The pool tells addresses apart as they are written; this one is written twice.
            twin = unproven.openai_url.replace("127.0.0.1", "localhost")
            routes = {
                "strange-authority": (unproven.openai_url, str(strangers.certificate)),
                "public-authorities": (twin, None),
                "misnamed-server": (misnamed.openai_url, str(theirs.certificate)),
                "same-address": (vendor.openai_url, str(strangers.certificate)),
            }
            for route, (url, ca_file) in routes.items():
                terms = Vendors(openai_url=url, anthropic_url=url, openai_key="", anthropic_key="", ca_file=ca_file)
                add_deployment(instance, route, OPENAI_VENDOR, "openai", url, "sim-echo", vendor.openai_key, terms)
                add_route(instance, route, route)
            yield Secured(
                instance=instance,
                vendor=vendor,
                distrusted=(unproven, misnamed),
                api_key=create_key(instance, ["sim-echo", *routes]),
                authority=instance.ca_file,
            )


class Misnamed(SimulatorProcess):
    """A vendor whose certificate bears another name; only this class's own control calls overlook that."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self._trust.check_hostname = False


@pytest.fixture
def client(secured):
    openai = pytest.importorskip("openai")
    trusting = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=secured.authority))
    with openai.OpenAI(
        base_url=f"{secured.instance.data}/v1", api_key=secured.api_key, max_retries=0, http_client=trusting
    ) as client:
        yield client


def address(secured: Secured, face: str) -> tuple[str, int]:
    parts = urlsplit(getattr(secured.instance, face))
    assert parts.scheme == "https"
    return str(parts.hostname), int(parts.port or 0)


def shake_hands(secured: Secured, face: str, context: ssl.SSLContext, name: str = "127.0.0.1") -> str | None:
    with (
        socket.create_connection(address(secured, face), PATIENCE_SECONDS) as line,
        context.wrap_socket(line, server_hostname=name) as secure,
    ):
        return secure.version()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_every_port_speaks_tls_13_with_the_local_authority(secured, face, name):
    trusting = ssl.create_default_context(cafile=secured.authority)
    assert shake_hands(secured, face, trusting, name) == "TLSv1.3"


@pytest.mark.parametrize("face", FACES)
def test_tls_12_is_refused(secured, face):
    old = ssl.create_default_context(cafile=secured.authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError) as refused:
        shake_hands(secured, face, old)
    # Whether the alert arrives before the line is cut is the server's affair; the test above shows that 1.3 is taken.
    assert refused.value.reason in {"TLSV1_ALERT_PROTOCOL_VERSION", "UNEXPECTED_EOF_WHILE_READING"}


@pytest.mark.parametrize("face", FACES)
def test_the_certificate_verifies_against_nothing_else(secured, face):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(secured, face, ssl.create_default_context())
    trusting = ssl.create_default_context(cafile=secured.authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(secured, face, trusting, "gateway.example")


@pytest.mark.parametrize("face", FACES)
def test_plain_http_gets_no_answer_and_harms_nobody(secured, face):
    with socket.create_connection(address(secured, face), PATIENCE_SECONDS) as line:
        line.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        heard = b""
        try:
            while piece := line.recv(4096):
                heard += piece
        except ConnectionResetError:
            pass
    # An alert record at the most (RFC 8446 section 6): no byte of HTTP came back in clear.
    assert b"HTTP/" not in heard
    assert heard == b"" or heard[0] == 21
    trusting = ssl.create_default_context(cafile=secured.authority)
    assert shake_hands(secured, face, trusting) == "TLSv1.3"
    assert "Traceback" not in secured.instance.log.read_text()


def test_a_governed_call_is_encrypted_on_both_sides(secured, client):
    secured.vendor.reset()
    messages = [{"role": "user", "content": NOTE}]
    answer = client.chat.completions.create(model="sim-echo", messages=messages)
    assert NOTE in answer.choices[0].message.content
    (received,) = calls(secured.vendor)
    assert NAME.encode() not in received.body
    assert RECORD.encode() not in received.body
    assert json.loads(received.body)["messages"][0]["content"].startswith("Patient [")


def test_a_streamed_call_is_encrypted_on_both_sides(secured, client):
    secured.vendor.reset()
    stream = client.chat.completions.create(model="sim-echo", messages=[{"role": "user", "content": NOTE}], stream=True)
    assert NOTE in "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
    (received,) = calls(secured.vendor)
    assert NAME.encode() not in received.body


@pytest.mark.parametrize(
    "route",
    [
        "strange-authority",
        "public-authorities",
        "misnamed-server",
        "same-address",
    ],
)
def test_a_vendor_whose_certificate_does_not_verify_receives_nothing(secured, client, route):
    openai = pytest.importorskip("openai")
    everyone = (secured.vendor, *secured.distrusted)
    for vendor in everyone:
        vendor.reset()
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=route, messages=[{"role": "user", "content": NOTE}])
    assert refused.value.response.json()["error"]["code"] == "vendor_unreachable"
    assert refused.value.response.status_code == 502
    assert NAME not in refused.value.response.text
    assert [call for vendor in everyone for call in calls(vendor)] == []


def test_the_console_takes_the_officers_over_tls_only(secured):
    plain = Instance(home=secured.instance.home)
    plain.console = secured.instance.console.replace("https://", "http://")
    with pytest.raises(OSError, match=r"."):
        plain.api("privacy-officer", "GET", "agreements")
    listed = secured.instance.api("privacy-officer", "GET", "agreements")["agreements"]
    assert {each["status"] for each in listed} == {"active"}


def test_an_address_that_others_reach_does_not_start_without_tls(tmp_path):
    instance = Instance(home=tmp_path / "home")
    instance.init("--host", "192.0.2.1", zone=ZONE)
    settings = instance.home / "wardkeep.toml"
    settings.write_text(settings.read_text().replace('mode = "auto"', 'mode = "off"'))
    with pytest.raises(InstanceError, match="encrypted in transit"):
        instance.start()


def calls(vendor: SimulatorProcess) -> list[Received]:
    return [each for each in vendor.seen() if each.path.endswith("/chat/completions")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A certificate with its key in one file, as a client loads it, and its id on record."""

    id: str
    file: Path


@pytest.fixture(scope="module")
def shown(secured, tmp_path_factory) -> dict[str, Shown]:
    """Certificates that this instance issued: two applications', and one officer's."""
    place = tmp_path_factory.mktemp("shown")
    for application in ("scheduler", "portal"):
        body = {"id": application, "name": application, "owner": SECOND, "workspace": "default"}
        body |= {"roles": ["clinician"], "reason": "a journey"}
        secured.instance.api(FIRST, "POST", "applications", body)
    made = {}
    for kind, holder in (("application", "scheduler"), ("application", "portal"), ("person", FIRST)):
        body = {"kind": kind, "holder": holder, "reason": "a journey"}
        answer = secured.instance.api(FIRST, "POST", "certificates", body)
        file = place / f"{holder}.pem"
        file.write_text(answer["certificate"] + answer["private_key"])
        made[holder] = Shown(id=answer["id"], file=file)
    return made


@pytest.fixture(scope="module")
def demanding(secured, shown) -> str:
    """A key of the first application that opens nothing without its certificate."""
    return create_key(secured.instance, ["sim-echo"], application="scheduler", demands_certificate=True)


def connected(secured: Secured, face: str, file: Path | None = None) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=secured.authority)
    if file is not None:
        context.load_cert_chain(file)
    return http.client.HTTPSConnection(*address(secured, face), timeout=PATIENCE_SECONDS, context=context)


def said(line: http.client.HTTPSConnection, method: str, path: str, bearer: str, body: object = None):
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    line.request(method, path, None if body is None else json.dumps(body).encode(), headers)
    answer = line.getresponse()
    told = json.loads(answer.read())
    return answer.status, told.get("error", {}).get("code"), told


BODY = {"model": "sim-echo", "messages": [{"role": "user", "content": NOTE}]}
CHAT = "/v1/chat/completions"


def called(line: http.client.HTTPSConnection, key: str):
    return said(line, "POST", CHAT, key, BODY)


def test_a_key_that_demands_its_certificate_is_worth_nothing_without(secured, shown, demanding):
    secured.vendor.reset()
    status, code, told = called(connected(secured, "data"), demanding)
    assert (status, code) == (401, "certificate_missing")
    # A key in the wrong hands is what this shows: it is on record, and on whose.
    entry = secured.instance.api(FIRST, "GET", f"ledger/entries?from={told['error']['ledger_index']}&to="
                                 f"{told['error']['ledger_index'] + 1}")["entries"][0]  # fmt: skip
    assert (entry["type"], entry["decision"]) == ("refusal", "certificate_missing")
    status, code, _ = called(connected(secured, "data", shown["portal"].file), demanding)
    assert (status, code) == (401, "certificate_of_another")
    assert calls(secured.vendor) == []
    assert called(connected(secured, "data", shown["scheduler"].file), demanding)[0] == 200
    assert len(calls(secured.vendor)) == 1


def test_a_list_of_models_is_no_way_around(secured, shown, demanding):
    for file, expected in ((None, 401), (shown["portal"].file, 401), (shown["scheduler"].file, 200)):
        assert said(connected(secured, "data", file), "GET", "/v1/models", demanding)[0] == expected


def test_a_certificate_that_nobody_bound_says_nothing(secured, demanding, tmp_path):
    """Issued by the authority itself: that it issued it does not say who may act."""
    tls = secured.instance.home / "tls"
    authority = CertificateFiles(certificate=tls / "ca.crt", key=tls / "ca.key")
    issue = issue_client_certificate(authority, name="application:scheduler", days=1, now=datetime.now(UTC))
    file = tmp_path / "unbound.pem"
    file.write_text(issue.certificate + issue.key.reveal())
    for key in (demanding, secured.api_key):
        assert called(connected(secured, "data", file), key)[:2] == (401, "certificate_unknown")


def test_a_strange_authority_does_not_get_past_tls(secured, demanding, tmp_path):
    strange = made(tmp_path / "strange")
    issue = issue_client_certificate(strange, name="application:scheduler", days=1, now=datetime.now(UTC))
    file = tmp_path / "strange.pem"
    file.write_text(issue.certificate + issue.key.reveal())
    with pytest.raises(OSError, match=r"."):
        called(connected(secured, "data", file), demanding)


def test_a_revoked_certificate_ends_on_the_next_call_of_every_connection(secured, shown):
    body = {"kind": "application", "holder": "portal", "reason": "a journey"}
    answer = secured.instance.api(FIRST, "POST", "certificates", body)
    file = shown["portal"].file.with_name("second.pem")
    file.write_text(answer["certificate"] + answer["private_key"])
    key = create_key(secured.instance, ["sim-echo"], application="portal", demands_certificate=True)
    lines = [connected(secured, "data", file) for _ in range(8)]  # both workers have some of them
    assert {called(line, key)[0] for line in lines} == {200}
    secured.instance.api(FIRST, "POST", f"certificates/{answer['id']}/revoke", {"reason": "a journey"})
    assert {called(line, key)[:2] for line in lines} == {(401, "certificate_revoked")}
    for line in lines:
        line.close()
    listed = secured.instance.api(FIRST, "GET", "certificates")["certificates"]
    assert {each["id"]: each["state"] for each in listed}[answer["id"]] == "revoked"


def test_on_the_console_a_person_shows_their_own_certificate_or_none(secured, shown):
    credential = secured.instance.credential(FIRST)
    for file in (None, shown[FIRST].file):
        assert said(connected(secured, "console", file), "GET", "/api/health", credential)[0] == 200
    line = connected(secured, "console", shown["portal"].file)
    assert said(line, "GET", "/api/health", credential)[:2] == (401, "certificate_of_another")
    line = connected(secured, "console", shown[FIRST].file)
    other = secured.instance.credential(SECOND)
    assert said(line, "GET", "/api/health", other)[:2] == (401, "certificate_of_another")


def served_key(secured: Secured, face: str) -> bytes:
    trusting = ssl.create_default_context(cafile=secured.authority)
    with (
        socket.create_connection(address(secured, face), PATIENCE_SECONDS) as line,
        trusting.wrap_socket(line, server_hostname="127.0.0.1") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def told(secured: Secured, event: str) -> Counter[str]:
    """How often each port has told of an event; a worker's line may be half written yet."""
    lines = secured.instance.log.read_text().splitlines()
    found = [json.loads(line) for line in lines if f'"{event}"' in line and line.endswith("}")]
    return Counter(each["face"] for each in found)


def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not(secured, shown, demanding, tmp_path):
    tls = secured.instance.home / "tls"
    authority = CertificateFiles(certificate=tls / "ca.crt", key=tls / "ca.key")
    before = served_key(secured, "data")
    kept = connected(secured, "data", shown["scheduler"].file)
    assert called(kept, demanding)[0] == 200
    renewed = issued(authority, tmp_path / "renewed", "127.0.0.1", "localhost")
    for name in ("server.key", "server.crt"):
        (tmp_path / "renewed" / name).replace(tls / name)
    assert renewed.certificate.name == "server.crt"
    for face in FACES:
        wait_until(lambda face=face: served_key(secured, face) != before)
    assert called(kept, demanding)[0] == 200
    # Whose certificates are taken does not change with the server's own.
    assert called(connected(secured, "data", shown["scheduler"].file), demanding)[0] == 200
    assert called(connected(secured, "data"), demanding)[:2] == (401, "certificate_missing")
    # Key and certificate came one by one, which a port may have seen. Once each has taken both up, it has told of that.
    wait_until(lambda: told(secured, "certificate_renewed") >= Counter(data=2, console=1, operations=1))
    after = served_key(secured, "data")
    assert after != before
    before_it = told(secured, "certificate_unfit")
    whole = (tls / "server.crt").read_text()
    (tls / "server.crt").write_text("half a certificate")
    wait_until(lambda: told(secured, "certificate_unfit")["data"] == before_it["data"] + 2)
    assert served_key(secured, "data") == after
    (tls / "server.crt").write_text(whole)
    kept.close()
