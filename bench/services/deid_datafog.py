"""datafog's regular-expression engine, the one that its plain installation has."""

from datafog.engine import scan
from deid_loop import run


def make():
    return lambda text: ((found.start, found.end) for found in scan(text, engine="regex").entities)


if __name__ == "__main__":
    run(make)
