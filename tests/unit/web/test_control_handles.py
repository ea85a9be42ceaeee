"""What is recorded about an individual is recorded under a handle that a call can carry, or not at all."""

from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import HASH
from tests.unit.web.test_control import api, code

from wardkeep.model.handle import HANDLE
from wardkeep.policy.criteria import UNRESOLVED

# The last ones are how a call says that it names nobody, or several.
NO_HANDLES = ["", " ", "MRN 4711", "h-1 ", "h-1\n", "h/1", "é", "h" * 129, *sorted(UNRESOLVED)]


def forms(face):
    """Every way to record something about a subject: who asks, where, and what besides the subject."""
    now = face.instance.clock().wall.date()
    past, soon = (now - timedelta(days=2)).isoformat(), (now + timedelta(days=9)).isoformat()
    document = {"document_sha256": HASH, "until": soon}
    consent = {"kind": "legal", "disclosers": ["default"], "signed_on": past, **document}
    return {
        "rights": ("developer", {"id": "q-1", "right": "restriction", "received_on": past}),
        "representatives": ("privacy", {"id": "rep", "capacity": "parent", **document}),
        "minor-care": ("privacy", {"id": "m", "basis": "minor_consented", "citation": "State law", "until": soon}),
        "part2/consents": ("privacy", {"id": "c-1", **consent}),
        "part2/orders": ("privacy", {"id": "o-1", **document}),
        "careteams": ("privacy", {"workspace": "default"}),
        "holds": ("privacy", {"id": "h-1", "cause": "litigation"}),
        "break-glass": ("developer", {"workspace": "default", "code": "000000"}),
    }


@pytest.mark.parametrize("handle", NO_HANDLES)
def test_a_handle_that_no_call_can_carry_is_not_taken(handle):
    assert handle in UNRESOLVED or HANDLE.fullmatch(handle) is None


async def test_nothing_is_recorded_about_whom_no_call_can_name(tmp_path):
    async with api(tmp_path) as face:
        for path, (who, form) in forms(face).items():
            for handle in NO_HANDLES:
                answer = await face.post(who, path, **form, subject=handle, reason="r")
                assert code(answer) == (400, "value_invalid"), (path, handle)
                assert "subject" in answer[1]["error"]["what"], (path, handle)
                assert "MRN" not in str(answer[1])
            answer = await face.post(who, path, **form, subject="A.1_b:c@d-" + "9" * 118, reason="r")
            # Without a second factor nobody breaks the glass: the handle was taken.
            assert answer[0] == 200 or (path, answer[1]["error"]["code"]) == ("break-glass", "mfa_stale"), answer
