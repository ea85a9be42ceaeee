"""An instance whose record would go to a bucket without an agreement does not start, and says how to mend it.

Real processes; nothing is put into the bucket, whose address nobody answers.
"""

import json
import subprocess

import pytest
from tests.journeys.house import today, wait_until

from wardkeep.demo.furnish import scope
from wardkeep.demo.instance import FIRST, SECOND, Instance


@pytest.fixture
def instance(tmp_path):
    made = Instance(home=tmp_path / "home", workers=1, deadline_seconds=120.0)
    made.init()
    settings = made.home / "wardkeep.toml"
    text = settings.read_text()
    text = text.replace('archive = ""', 'archive = "s3://record/x"')
    text = text.replace('archive_agreement = ""', 'archive_agreement = "baa-host"')
    settings.write_text(text.replace('archive_endpoint = ""', 'archive_endpoint = "http://127.0.0.1:9"'))
    yield made
    made.stop()


class Setup(Instance):
    """The same home, started for recording what is missing."""

    def serve_command(self):
        return [*super().serve_command(), "--setup"]


def refused(instance):
    done = subprocess.run(instance.serve_command(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    return done.stderr


def test_a_place_without_an_agreement_bars_the_start_until_two_people_open_it(instance):
    told = refused(instance)
    assert "archive (archive, s3://record/x): there is no such agreement" in told
    assert "wardkeep baa" in told
    assert "--setup" in told
    found = json.loads(
        subprocess.run(
            [*instance.command, "doctor", "--home", str(instance.home), "--json"],
            capture_output=True, text=True, timeout=120, check=False,
        ).stdout
    )  # fmt: skip
    (finding,) = (each for each in found["findings"] if each["what"] == "destination archive")
    assert finding["standing"] == "fail"

    with Setup(home=instance.home, deadline_seconds=120.0) as setup:
        assert setup.data == ""
        entries = setup.api(FIRST, "GET", "ledger/entries?from=0&to=50")["entries"]
        assert [each["decision"] for each in entries if each["type"] == "refusal"] == ["destination_uncovered"]
        assert [each["detail"].get("setup") for each in entries if each["type"] == "start"] == [True]
        setup.api(FIRST, "POST", "vendors", {"id": "host", "party": "Hosting Example, Inc.", "reason": "record"})
        covered = scope(["any"], platform="place", endpoints=["place:archive"])
        body = {
            "id": "baa-host", "kind": "baa", "vendor": "host", "party": "Hosting Example, Inc.",
            "document_sha256": "0" * 64, "effective_on": today().isoformat(), "expires_on": None,
            "scopes": [covered], "reason": "record",
        }  # fmt: skip
        setup.api(FIRST, "POST", "agreements", body)
        setup.api(SECOND, "POST", "agreements/baa-host/activate", {"reason": "read it"})

    with instance:
        assert instance.data.startswith("http")
        rows = {row["id"]: row for row in instance.api(FIRST, "GET", "destinations")["destinations"]}
        assert (rows["archive"]["refused"], rows["archive"]["party"]) == (None, "Hosting Example, Inc.")
        # The bucket does not answer; the instance does all the same.
        assert wait_until(lambda: instance.api(FIRST, "GET", "health")["ledger_writable"])
