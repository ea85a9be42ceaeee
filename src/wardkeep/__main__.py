"""`python -m wardkeep`: the command line."""

from wardkeep.cli.main import run

if __name__ == "__main__":
    run()
