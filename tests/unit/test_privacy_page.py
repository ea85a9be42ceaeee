"""The examples of the page on de-identification are run as they stand."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "deidentification.md"
EXAMPLES = dict(re.findall(r"^```python (\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


def test_the_page_has_its_examples():
    assert EXAMPLES.keys() == {"privacy", "files"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name):
    exec(compile(EXAMPLES[name], f"{PAGE.name}: {name}", "exec"), {"__name__": name})
