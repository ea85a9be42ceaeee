"""The detectors of this installation, one a process and policy: they take longer to make than to use."""

from functools import cache

from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.nomination import Policy


@cache
def detector_for(policy: Policy) -> Detector:
    """Return this process's detector of a policy, made when it is first asked for.

    Raises:
        DetectorUnavailable: its data is missing or damaged.
    """
    return Detector(policy)
