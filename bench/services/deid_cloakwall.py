"""cloakwall's redactor with all its detectors."""

from cloakwall.redact import Redactor
from deid_loop import run


def make():
    redactor = Redactor()
    return lambda text: ((found.start, found.end) for found in redactor.redact(text).redactions)


if __name__ == "__main__":
    run(make)
