"""Another site makes a signed-in person's browser send our forms (CSRF): every unsafe page refuses, nothing changes."""

import pytest

from wardkeep.web.pages import ROUTES

POSTS = [route for route in ROUTES if route.method == "POST"]
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": None},
    {"Sec-Fetch-Site": None, "Origin": "http://evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "null"},
    {"Sec-Fetch-Site": None, "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
)


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
def test_a_form_from_elsewhere_is_refused(console, route):
    visitor = signed_in(console)
    before = len(console.entries("control"))
    kind = "application/json" if route.is_json else "application/x-www-form-urlencoded"
    for headers in FOREIGN:
        answer = visitor.ask("POST", route.path, b"{}" if route.is_json else {}, headers=headers, kind=kind)
        assert (answer.status, "request_cross_site" in answer.body) == (403, True), headers
    assert visitor.is_signed_in()
    assert len(console.entries("control")) == before


def test_a_form_of_another_media_type_is_refused(console):
    """`text/plain` needs no permission of the browser's, so it is never read."""
    visitor = signed_in(console)
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        assert visitor.ask("POST", "/sign-out", b"x=1", kind=kind).status == 415
    assert visitor.is_signed_in()


def test_a_file_of_nobody_is_not_taken_apart(console):
    """A form with a file may be megabytes: without a session it is not read, and its sender is sent to sign in."""
    body, kind = b"--x\r\nnot a form", "multipart/form-data; boundary=x"
    for route in POSTS:
        if route.takes_file:
            answer = console.visitor().ask("POST", route.path.replace("{}", "one"), body, kind=kind)
            assert (answer.status, answer.header("location")) == (303, "/sign-in")
            assert signed_in(console).ask("POST", route.path.replace("{}", "one"), body, kind=kind).status == 400


def test_reading_pages_change_nothing(console):
    visitor = signed_in(console)
    for route in POSTS:
        assert visitor.ask("GET", route.path).status in {200, 303, 405}
    assert visitor.is_signed_in()


def test_there_is_no_open_redirect(console):
    visitor = signed_in(console)
    for place in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        page = visitor.ask("GET", "/step-up?next=" + place.replace(":", "%3A").replace("\\", "%5C"))
        assert "evil" not in page.body
        assert 'value="/account"' in page.body


_SHARED = {}


def signed_in(console):
    """One signed-in person for all: what is refused leaves them as they were."""
    if console not in _SHARED:
        _, credential = console.person("privacy_officer")
        _SHARED[console] = console.visitor()
        _SHARED[console].enrol(credential)
    return _SHARED[console]
