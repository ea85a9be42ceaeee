"""One served instance for the attacks on people's pages; each test brings people of its own."""

import itertools

import pytest
from tests.attacks.browserless import Visitor
from tests.console.browser import served

from wardkeep.demo.instance import FIRST


class Console:
    def __init__(self, instance):
        self.instance = instance
        self._numbers = itertools.count(1)

    def person(self, *roles: str) -> tuple[str, str]:
        """Enrol somebody new as an officer does; return their id and personal credential."""
        name = f"person-{next(self._numbers)}"
        body = {"id": name, "roles": list(roles or ("nurse",)), "reason": "joined"}
        return name, self.instance.api(FIRST, "POST", "people", body)["credential"]

    def visitor(self) -> Visitor:
        return Visitor(self.instance.console)

    def entries(self, kind: str) -> list[dict]:
        size = self.instance.api(FIRST, "GET", "ledger/head")["size"]
        found = []
        for start in range(0, size, 500):
            found += self.instance.api(FIRST, "GET", f"ledger/entries?from={start}&to={min(start + 500, size)}")[
                "entries"
            ]
        return [each for each in found if each["type"] == kind]


@pytest.fixture(scope="session")
def console():
    with served() as instance:
        yield Console(instance)
