import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.crypto.ca import create_authority, issue_server_certificate
from wardkeep.settings import load
from wardkeep.transport.tls import X25519_MLKEM768, TlsDemands, offered_groups, vendor_context

NAMES = ("localhost", "127.0.0.1", "ai.clinic.example")


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


@pytest.fixture
def home(shell, tmp_path):
    """A home that listens beyond loopback."""
    make_home(shell, tmp_path / "home", "--host", "0.0.0.0", "--name", "ai.clinic.example")
    return tmp_path / "home"


def examined(shell, home):
    told = shell("doctor", "--home", home, "--json")
    return told.status, {each["what"]: each for each in told.json["findings"]}


def reissue(home, *names, days_ago):
    directory = home / "tls"
    for file in directory.iterdir():
        file.unlink()
    at = datetime.now(UTC) - timedelta(days=days_ago)
    issue_server_certificate(create_authority(directory, now=at), directory, names=names, now=at)


def test_a_certificate_that_fits_is_well(shell, home):
    status, found = examined(shell, home)
    assert status == 0
    assert found["certificate"]["standing"] == found["certificate names"]["standing"] == "ok"


def test_an_expired_certificate_fails_and_one_about_to_expire_warns(shell, home):
    reissue(home, *NAMES, days_ago=398)
    status, found = examined(shell, home)
    assert (status, found["certificate"]["standing"]) == (1, "fail")
    reissue(home, *NAMES, days_ago=380)
    status, found = examined(shell, home)
    assert (status, found["certificate"]["standing"]) == (0, "warn")


def test_a_port_that_demands_certificates_without_an_authority_is_told_and_does_not_start(shell, home):
    settings = home / "wardkeep.toml"
    lines = settings.read_text().splitlines()
    demanding = ['data_clients = "required"' if each.startswith("data_clients") else each for each in lines]
    assert demanding != lines
    settings.write_text(re.sub(r"(?m)^(\w+_port) = \d+$", r"\1 = 0", "\n".join(demanding)))
    authority = load(home).path(load(home).tls.client_authority)
    assert examined(shell, home)[0] == 0
    authority.unlink()
    for authority_is in ("absent", "no PEM"):
        if authority_is == "no PEM":
            authority.write_text("nothing")
        status, found = examined(shell, home)
        assert (status, found["client certificates"]["standing"]) == (1, "fail")
        command = [sys.executable, "-m", "wardkeep", "serve", "--home", str(home), "--workers", "2"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode != 0
        assert "tls" in ended.stderr + ended.stdout
        assert '"ready"' not in ended.stderr + ended.stdout


def test_a_certificate_of_the_future_fails(shell, home):
    reissue(home, *NAMES, days_ago=-2)
    assert examined(shell, home)[1]["certificate"]["standing"] == "fail"


def test_a_host_that_the_certificate_does_not_name_is_told(shell, home):
    reissue(home, "localhost", "127.0.0.1", days_ago=0)
    status, found = examined(shell, home)
    assert (status, found["certificate names"]["standing"]) == (0, "warn")
    assert "ai.clinic.example" in found["certificate names"]["detail"]
    reissue(home, "localhost", "127.0.0.1", "*.clinic.example", days_ago=0)
    assert examined(shell, home)[1]["certificate names"]["standing"] == "ok"


def test_a_single_officer_is_told_with_the_server_stopped_and_running(shell, tmp_path):
    home = tmp_path / "home"
    shell(
        "init", "--home", home, "--organisation", "O", "--zone", "UTC", "--officer", "alone", "--accept-single-officer"
    )
    stopped = examined(shell, home)
    assert (stopped[0], stopped[1]["officers"]["standing"]) == (0, "warn")
    assert "alone" in stopped[1]["officers"]["detail"]
    with serving(home):
        assert examined(shell, home)[1]["officers"] == stopped[1]["officers"]


def test_looking_changes_nothing(shell, home):
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    examined(shell, home)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_control_store_that_is_not_there_or_is_damaged_fails(shell, home):
    (home / "control.db").write_bytes(b"nothing")
    status, found = examined(shell, home)
    assert (status, found["officers"]["standing"]) == (1, "fail")
    (home / "control.db").unlink()
    status, found = examined(shell, home)
    assert (status, found["officers"]["standing"]) == (1, "fail")
    assert found["officers"]["fix"]


def test_keys_of_another_instance_fail(shell, home, tmp_path):
    make_home(shell, tmp_path / "other")
    (home / "ledger.pub").write_bytes((tmp_path / "other" / "ledger.pub").read_bytes())
    status, found = examined(shell, home)
    assert (status, found["keys"]["standing"]) == (1, "fail")
    assert "different instances" in found["keys"]["detail"]


def test_the_clock_is_asked_and_never_fails_the_command(shell, home):
    status, found = examined(shell, home)
    assert status == 0
    assert found["clock"]["standing"] in {"ok", "warn"}


def test_the_key_exchange_with_vendors_is_told_as_it_is(shell, home):
    found = examined(shell, home)[1]["key exchange with vendors"]
    is_offered = X25519_MLKEM768 in offered_groups(vendor_context(TlsDemands()))
    assert found["standing"] == ("ok" if is_offered else "warn")
    assert ("is not offered" in found["detail"]) is not is_offered
