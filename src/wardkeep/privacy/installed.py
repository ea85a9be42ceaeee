"""The detectors of this installation, one a process and policy: they take longer to make than to use."""

from functools import cache

from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.nomination import Policy
from wardkeep.privacy.prompt.screen import Screen


@cache
def detector_for(policy: Policy) -> Detector:
    """Return this process's detector of a policy, made when it is first asked for.

    Raises:
        DetectorUnavailable: its data is missing or damaged.
    """
    return Detector(policy)


@cache
def installed_screen() -> Screen:
    """Return this process's screen for injected instructions; compiling its rules takes about a second.

    Raises:
        DetectorUnavailable: the rules do not compile on this machine.
    """
    return Screen()
