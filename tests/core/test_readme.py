"""What the documents show is what is there: the example's spec, the commands, the Python names.

`tests/parity/test_documentation.py` runs the commands and the Python.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command

import dualtrain
import dualtrain.testing
from dualtrain.cli import app
from tests.documents import PAGES, ROOT, blocks, commands, inline_commands

READMES = ["README.md", "README.zh-CN.md"]


@pytest.mark.parametrize("readme", READMES)
def test_the_spec_is_the_examples(readme: str) -> None:
    spec = ROOT / "examples" / "text_classification" / "spec.yaml"
    assert [block.text for block in blocks(readme, "yaml")] == [spec.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_and_options_exist(page: str) -> None:
    known: Any = get_command(app)
    for command in (*commands(page), *inline_commands(page)):
        if command.words[0] == "dualtrain":
            _, name, *arguments = command.words
            options = {option for p in known.commands[name].params for option in p.opts}
            assert {word for word in arguments if word.startswith("--")} <= options, command


@pytest.mark.parametrize("page", PAGES)
def test_its_modules_exist(page: str) -> None:
    ours = r"python -m ((?:benchmarks|docs|tests)[\w.]*)"
    for name in re.findall(ours, (ROOT / page).read_text(encoding="utf-8")):
        file = ROOT / name.replace(".", "/")
        assert file.with_suffix(".py").exists() or (file / "__main__.py").exists(), name


@pytest.mark.parametrize("readme", READMES)
def test_its_names_exist(readme: str) -> None:
    code = "".join(block.text for block in blocks(readme, "python"))
    assert set(re.findall(r"dualtrain\.(\w+)\(", code)) <= set(dualtrain.__all__)
    assert set(re.findall(r"assert_\w+", code)) == set(dualtrain.testing.__all__)


# --- the Chinese README says what the English one says


def sections(readme: str) -> list[str]:
    """The prose under each heading of the second level, and before the first."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.split(r"^## .*$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.M)


def without_comments(text: str) -> list[str]:
    return [re.sub(r"\s*#.*", "", line) for line in text.splitlines()]


def code(text: str) -> Counter[str]:
    """What stands in backticks."""
    return Counter(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text))


def numbers(text: str) -> Counter[str]:
    """Numbers in digits, outside code and links."""
    plain = re.sub(r"`[^`]+`|\]\([^)]*\)", "", text)
    return Counter(re.findall(r"\d[\d,.]*\d|\d", plain))


def links(text: str) -> Counter[str]:
    """Where links lead."""
    return Counter(re.findall(r"\]\(([^)]+)\)", text))


def tables(text: str) -> list[int]:
    """The cells of each row."""
    return [line.count("|") for line in text.splitlines() if line.startswith("|")]


def items(text: str) -> int:
    """The entries of lists."""
    return len(re.findall(r"^- ", text, re.M))


def test_both_show_the_same() -> None:
    """The same blocks, but for their comments."""
    english, chinese = (
        [(block.language, without_comments(block.text)) for block in blocks(readme)]
        for readme in READMES
    )
    assert english == chinese


@pytest.mark.parametrize("told", [code, numbers, links, tables, items], ids=lambda f: f.__name__)
def test_both_say_the_same(told: Callable[[str], object]) -> None:
    """Section by section."""
    english, chinese = ([told(section) for section in sections(readme)] for readme in READMES)
    other = {"README.zh-CN.md": "README.md"}  # each leads to the other
    english[0] = _renamed(english[0], other)
    assert english == chinese


def _renamed(found: object, names: dict[str, str]) -> object:
    if not isinstance(found, Counter):
        return found
    return Counter({names.get(key, key): count for key, count in found.items()})


def test_the_check_can_fail() -> None:
    assert code("the `a b`") != code("`a` b")
    assert numbers("5 of 1,000") == Counter({"5": 1, "1,000": 1}) != numbers("5 of 100")
    assert links("[x](a.md)") != links("[x](b.md)")
