"""A browser reduced to what an attacker controls: raw requests with a cookie jar, against a served instance."""

import http.client
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.console.browser import PASSWORD, code

SESSION = "wardkeep-session"
PENDING = "wardkeep-pending"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: str
    seconds: float

    def header(self, name):
        return next((value for each, value in self.headers if each.lower() == name), None)


@dataclass
class Visitor:
    """Sends what a browser would, unless told otherwise; keeps the cookies it is given."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return "localhost:" + str(urlsplit(self.address).port)

    def ask(self, method, path, form=None, *, headers=None, kind="application/x-www-form-urlencoded") -> Answer:
        parts = urlsplit(self.address)
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        sent = {"Host": self.host, "Sec-Fetch-Site": "same-origin"}
        body = None
        if method == "POST":
            body = form if isinstance(form, bytes | str) else urlencode(form or {})
            sent["Content-Type"] = kind
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        for name, value in (headers or {}).items():
            if value is None:
                sent.pop(name, None)
            else:
                sent[name] = value
        started = time.perf_counter()
        try:
            line.request(method, path, body, sent)
            response = line.getresponse()
            answer = Answer(
                response.status, response.getheaders(), response.read().decode(), time.perf_counter() - started
            )
        finally:
            line.close()
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                given = rest.partition(";")[0]
                self.cookies.pop(key, None)
                if given:
                    self.cookies[key] = given
        return answer

    def enrol(self, credential: str) -> str:
        """Enrol by password and authenticator; return the authenticator's key. The code of the step before is spent."""
        assert self.ask("POST", "/enrol", {"credential": credential}).header("location") == "/enrol/factors"
        secret = re.search(r'class="secret">([A-Z2-7 ]+)<', self.ask("GET", "/enrol/factors").body).group(1)
        form = {"password": PASSWORD, "again": PASSWORD, "code": code(secret, -1)}
        assert "Recovery codes" in self.ask("POST", "/enrol/factors", form).body
        return secret

    def first_factor(self, person: str, password: str = PASSWORD) -> Answer:
        return self.ask("POST", "/sign-in", {"name": person, "password": password})

    def is_signed_in(self) -> bool:
        return self.ask("GET", "/account").status == 200
