import pytest

from wardkeep.privacy.detect.detector import Detector


@pytest.fixture(scope="session")
def strict() -> Detector:
    return Detector("strict")


@pytest.fixture(scope="session")
def balanced() -> Detector:
    return Detector("balanced")
