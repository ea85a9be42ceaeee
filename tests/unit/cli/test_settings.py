from pathlib import Path

import pytest

from wardkeep.settings import LogFormat, SettingsInvalid, TlsMode, clock, is_loopback, load, parse

HOME = Path("home")


def refused(text):
    with pytest.raises(SettingsInvalid) as caught:
        parse(text, HOME)
    return str(caught.value)


def test_an_empty_file_is_the_defaults():
    settings = parse("", HOME)
    assert (settings.listen.data_port, settings.listen.console_port, settings.listen.operations_port) == (
        8787,
        8788,
        8789,
    )
    assert settings.listen.host == "127.0.0.1"
    assert not settings.is_tls_on
    assert settings.log.format is LogFormat.JSON
    assert settings.ledger_path == HOME / "ledger.db"


def test_every_setting_is_read():
    text = """
    workers = 3
    [listen]
    host = "0.0.0.0"
    data_port = 1
    hosts = ["ai.clinic.example"]
    [tls]
    mode = "on"
    certificate = "/etc/tls/a.crt"
    [keys]
    root = "passphrase-env:WARDKEEP_PASSPHRASE"
    [limits]
    max_body_bytes = 1024
    [log]
    format = "text"
    """
    settings = parse(text, HOME)
    assert settings.workers == 3
    assert settings.tls.mode is TlsMode.ON
    assert settings.path(settings.tls.certificate) == Path("/etc/tls/a.crt")
    assert settings.listen.hosts == ("ai.clinic.example",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("workres = 2", "line 1: `workres`"),
        ("[listen]\n\nhots = 1", "line 3: `listen.hots`"),
        ("workers = 1\n[tsl]\nmode = 'on'", "line 2: `tsl`"),
        ("home = 'x'", "line 1: `home`"),
        ("listen = 1", "write [listen]"),
    ],
)
def test_an_unknown_setting_is_refused_with_its_line(text, named):
    assert named in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "workers = 'two'",
        "workers = -1",
        "workers = ",
        "[listen]\ndata_port = 70000",
        "[listen]\ndata_port = 8788",
        "[listen]\nhosts = []",
        "[listen]\nhosts = ['With:Port:1 ']",
        "[limits]\nmax_body_bytes = 1",
        "[limits]\nheader_seconds = 0",
        "[limits]\nconnections = 0",
        "[keys]\nroot = 'root.key'",
        "[keys]\nroot = 'file:'",
        "[tls]\nmode = 'maybe'",
        "[tls]\nmode = 'off'\n[listen]\nhost = '0.0.0.0'",
    ],
)
def test_an_impossible_value_is_refused(text):
    assert refused(text).startswith("wardkeep.toml")


@pytest.mark.parametrize(
    "text",
    [
        "password = 'canary'",
        "[keys]\npassphrase = 'canary'",
        "[listen]\napi_key = 'canary'",
        "[keys]\nroot = 'sk-canary'",
        "[tls]\nkey = '-----BEGIN PRIVATE KEY-----canary'",
        "[log]\nformat = 'wk_live_canary'",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(text):
    told = refused(text)
    assert "secret" in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("host", "mode", "is_on"),
    [
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("10.0.0.1", "auto", True),
        ("gateway.example", "auto", True),
        ("127.0.0.1", "on", True),
        ("127.0.0.1", "off", False),
    ],
)
def test_only_loopback_speaks_without_tls(host, mode, is_on):
    assert parse(f"[listen]\nhost = '{host}'\n[tls]\nmode = '{mode}'", HOME).is_tls_on is is_on
    assert is_loopback("127.9.9.9")


def test_a_missing_or_unreadable_file_says_what_to_do(tmp_path):
    with pytest.raises(SettingsInvalid, match="wardkeep init"):
        load(tmp_path)
    (tmp_path / "wardkeep.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        load(tmp_path)


def test_the_clock_goes_forward_within_one_boot():
    first, second = clock(), clock()
    assert first.mono_ns < second.mono_ns
    assert first.boot == second.boot
    assert first.wall.tzinfo is not None
