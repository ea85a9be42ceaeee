"""Makes a home for the bench, as an operator would: init, serve, one vendor, one agreement, one route, one key.

    python wardkeep_home.py HOME UPSTREAM_URL MODEL DATA_PORT

Prints the application key. Runs in the project's environment, not in the bench's.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from wardkeep.demo.furnish import (
    AGREEMENTS,
    OPENAI_VENDOR,
    PARTIES,
    Vendors,
    add_deployment,
    add_route,
    agree,
    create_key,
)
from wardkeep.demo.instance import FIRST, Instance

ZONE = "America/New_York"


def main(home: Path, upstream_url: str, model: str, data_port: int) -> None:
    instance = Instance(home=home)
    instance.init(zone=ZONE)
    today = datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()
    with instance:
        instance.api(
            FIRST, "POST", "vendors", {"id": OPENAI_VENDOR, "party": PARTIES[OPENAI_VENDOR], "reason": "bench"}
        )
        agree(instance, OPENAI_VENDOR, AGREEMENTS[OPENAI_VENDOR], [model], expires_on=None, today=today)
        where = Vendors(
            openai_url=upstream_url, anthropic_url=upstream_url, openai_key="unused", anthropic_key="unused"
        )
        add_deployment(instance, "bench", OPENAI_VENDOR, "openai", upstream_url, model, "sk-bench", where)
        add_route(instance, model, "bench")
        key = create_key(instance, [model])
    settings = home / "wardkeep.toml"
    settings.write_text(settings.read_text().replace("data_port = 0", f"data_port = {data_port}"))
    print(key)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
