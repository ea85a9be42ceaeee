"""`python -m wardkeep`: the command line."""

from wardkeep.cli.main import run

run()
