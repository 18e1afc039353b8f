"""What the READMEs show is what is there: the example's spec, the commands, the Python names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dualtrain
import dualtrain.testing
from dualtrain.cli import app

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def blocks(readme: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("readme", READMES, ids=lambda p: p.name)
def test_the_spec_is_the_examples(readme: Path) -> None:
    spec = ROOT / "examples" / "text_classification" / "spec.yaml"
    assert blocks(readme, "yaml") == [spec.read_text(encoding="utf-8")]


@pytest.mark.parametrize("readme", READMES, ids=lambda p: p.name)
def test_its_commands_and_options_exist(readme: Path) -> None:
    commands: Any = get_command(app)
    for line in "".join(blocks(readme, "console")).splitlines():
        found = re.match(r"\$ dualtrain (\w+) ?([^#]*)", line)
        if found is not None:
            command, arguments = found.groups()
            known = {option for p in commands.commands[command].params for option in p.opts}
            assert set(re.findall(r"--[\w-]+", arguments)) <= known


@pytest.mark.parametrize("readme", READMES, ids=lambda p: p.name)
def test_its_names_exist(readme: Path) -> None:
    code = "".join(blocks(readme, "python"))
    assert set(re.findall(r"dualtrain\.(\w+)\(", code)) <= set(dualtrain.__all__)
    assert set(re.findall(r"assert_\w+", code)) == set(dualtrain.testing.__all__)


def test_both_say_the_same() -> None:
    """The same blocks of code, but for their comments, under as many headings."""
    english, chinese = (
        [
            [re.sub(r"\s*#.*", "", line) for line in block.splitlines()]
            for language in ("console", "python", "yaml")
            for block in blocks(readme, language)
        ]
        for readme in READMES
    )
    assert english == chinese
    headings = [len(re.findall(r"^## ", p.read_text(encoding="utf-8"), re.M)) for p in READMES]
    assert headings[0] == headings[1]
