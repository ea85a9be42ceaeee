"""A key is put where it is seen: in a URL, a form, a cookie. It opens nothing there, and no file repeats it."""

import http.client
from urllib.parse import urlsplit

from wardkeep.demo.instance import FIRST


def ask(address, method, path, headers=None, body=None):
    parts = urlsplit(address)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        line.request(method, path, body, headers or {})
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def test_a_key_in_a_url_opens_nothing_and_is_not_repeated(console):
    personal = console.instance.credential(FIRST)
    data, face = console.instance.data, console.instance.console
    stolen = "wk_live_" + "a" * 12 + "_" + "Q" * 38
    for secret in (personal, stolen):
        for address, path in (
            (data, f"/v1/models?api_key={secret}"),
            (data, f"/v1/models?key={secret}&authorization=Bearer+{secret}"),
            (data, f"/v1/{secret}/models"),
            (face, f"/api/people?access_token={secret}"),
            (face, f"/sign-in/{secret}"),
            (face, f"/account?token={secret}"),
        ):
            status, body = ask(address, "GET", path)
            assert status in {303, 401, 404}, path
            assert secret not in body
        status, body = ask(data, "GET", "/v1/models", {"Cookie": f"authorization=Bearer {secret}"})
        assert (status, secret in body) == (401, False)
    files = [path for path in console.instance.home.rglob("*") if path.is_file() and path.parent.name != "credentials"]
    for path in files:
        content = path.read_bytes()
        assert stolen.encode() not in content, path.name
        assert personal.encode() not in content, path.name
    assert files
