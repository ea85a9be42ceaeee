"""From nothing to the first governed call through the guided set-up: two officers in real Chromium, real processes."""

import json
import re
import urllib.request

import pytest
from tests.console.browser import chromium, do, enrol, needs_chromium, origin, served
from tests.console.hospital import MODEL

from wardkeep.demo.instance import FIRST, SECOND
from wardkeep.demo.story import NOTE
from wardkeep.demo.vendor import SimulatorProcess

STEPS = 7


@pytest.fixture(scope="module")
def beginning():
    """A fresh instance, a vendor beside it, and a page for each officer, nobody enrolled yet."""
    needs_chromium()
    with SimulatorProcess() as vendor, served() as instance, chromium() as browser:
        pages = {person: browser.new_context().new_page() for person in (FIRST, SECOND)}
        yield instance, vendor, pages


def done_of(page, base) -> int:
    page.goto(f"{base}/setup")
    return int(re.search(rf"(\d) of {STEPS} steps are done", page.locator("main").inner_text())[1])


def test_two_officers_come_to_a_governed_call(beginning):
    instance, vendor, pages = beginning
    base, (first, second) = origin(instance), pages.values()
    for person, page in pages.items():
        enrol(page, instance, person)
    assert done_of(first, base) == 1

    do(first, "vendor.add", None, "our first vendor", id="northwind", party="Northwind Models, Inc.")
    assert done_of(first, base) == 2
    first.get_by_role("link", name="Record the agreement").click()
    do(
        first, "agreement.add", None, "signed by both",
        **{
            "party": "Northwind Models, Inc.", "id": "baa-1", "document_sha256": "ab" * 32,
            "scopes.0.platform": "direct", "scopes.0.projects": "demo", "scopes.0.models": MODEL,
            "scopes.0.regions": "us-test-1", "scopes.0.endpoints./v1/chat/completions": True,
            "scopes.0.purposes.TREAT": True, "scopes.0.retention": "zero", "scopes.0.training_prohibited": True,
        },
    )  # fmt: skip
    # Who recorded it is told to wait for the other, who finds the deed in the same place.
    assert done_of(first, base) == 3
    assert "the other officer signs in and activates it" in first.locator("main").inner_text()
    assert done_of(second, base) == 3
    do(second, "agreement.activate", "baa-1", "read, signed by both")
    assert done_of(second, base) == 4

    first.goto(f"{base}/setup")
    first.get_by_role("link", name="Record a deployment").click()
    do(
        first, "deployment.add", None, "the vendor's own address", id="n-1", vendor="northwind", platform="direct",
        project="demo", dialect="openai", base_url=vendor.openai_url, model=MODEL, region="us-test-1",
        credential=vendor.openai_key,
    )  # fmt: skip
    do(first, "route.add", None, "for the first application", model=MODEL, deployment="n-1")
    assert done_of(first, base) == 6
    first.get_by_role("link", name="Make a key").click()
    do(
        first, "key.create", None, "the first application",
        **{"name": "first application", "purposes.TREAT": True, "default_purpose": "TREAT"},
    )  # fmt: skip
    key = first.locator("code.secret").inner_text()
    assert f'api_key="{key}"' in first.locator("pre").first.inner_text()
    assert done_of(first, base) == STEPS

    body = {"model": MODEL, "messages": [{"role": "user", "content": NOTE}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(
        f"{instance.data}/v1/chat/completions", data=json.dumps(body).encode(), headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        index = answer.headers["wardkeep-ledger-index"]
    (seen,) = vendor.seen()
    assert seen.body
    first.goto(f"{base}/setup")
    first.get_by_role("link", name="see them in the ledger").click()
    first.get_by_role("link", name=index, exact=True).click()
    assert "baa-1" in first.locator("main").inner_text()
