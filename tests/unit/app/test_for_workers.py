"""What workers are given of the registry: never what vendors are asked with about deployments."""

from datetime import UTC, datetime

from tests.unit.compliance.organisation import deployment, registry

from wardkeep.app.keeper import _for_workers
from wardkeep.compliance.deployments import credential_id, inspection_credential_id
from wardkeep.model.inspection import Inspection, RouteCheck
from wardkeep.model.programme import Deadlines

AT = datetime(2026, 11, 23, tzinfo=UTC)
D = "openai-us"


def test_the_key_for_asking_stays_with_the_keeper_and_what_closed_a_deployment_does_not():
    checked = RouteCheck(id=D, at=AT, by="host", asked="h", findings=(), drifted_at=AT)
    held = registry(
        deployments={D: deployment(credential=credential_id(D))},
        secrets={credential_id(D): b"for calls", inspection_credential_id(D): b"for administrators"},
        inspections={D: Inspection(id=D, credential=inspection_credential_id(D))},
        route_checks={D: checked},
    )
    given = _for_workers(held, Deadlines())
    assert given.secrets == {credential_id(D): b"for calls"}
    assert not given.inspections
    assert given.route_checks == {D: checked}
