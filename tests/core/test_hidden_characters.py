"""Text in a spec: what a terminal would obey, or nobody would see, is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dualtrain.errors import SpecError
from dualtrain.spec import load_spec
from tests.builders import spec_of

HIDDEN = {
    "an escape sequence": "\x1b[31m",
    "a line end": "\n",
    "NUL": "\0",
    "a control character of Latin-1": "\x9b",
    "a line separator": "\u2028",
    "another direction of writing": "\u202e",
    "an isolated direction": "\u2066",
}
TEXTS: dict[str, dict[str, Any]] = {
    "freeze.patterns": {"freeze": {"patterns": ["a", "x{}y"]}},
    "lr_multipliers[0].pattern": {"lr_multipliers": [{"pattern": "x{}y", "multiplier": 2}]},
    "own_betas[0].pattern": {"own_betas": [{"pattern": "x{}y", "betas": [0.9, 0.9]}]},
    "device": {"device": "cpu{}"},
    "weight_decay.exclude_patterns": {"weight_decay": {"value": 1, "exclude_patterns": ["x{}y"]}},
}


def message_of(folder: Path, part: dict[str, Any], text: str) -> str:
    """What is said of a spec with this part, `text` in the place of {} as JSON has it."""
    spec = {"optimizer": {"name": "adamw", "lr": 1}, "schedule": {"name": "constant"}}
    written = json.dumps(spec | {"duration": {"updates": 1}} | part)
    (folder / "spec.json").write_text(written.replace("{}", text), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "spec.json")
    return str(caught.value)


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("where", TEXTS)
def test_characters_that_nobody_sees(where: str, hidden: str, tmp_path: Path) -> None:
    """Messages and tables repeat what a spec says: nothing in it is obeyed by a terminal."""
    message = message_of(tmp_path, TEXTS[where], json.dumps(hidden)[1:-1])
    assert message.startswith(f"{tmp_path / 'spec.json'}:1: {where}: must be ")
    assert hidden not in message


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"], ids=ascii)
@pytest.mark.parametrize("rest", ["", "optimizer: {"], ids=["well formed", "not"])
def test_a_line_end_that_is_one_in_yaml_1_1_only(end: str, rest: str, tmp_path: Path) -> None:
    """In a comment it would make what follows a part of the spec."""
    path = tmp_path / "spec.yaml"
    path.write_text(f"seed: 1\n# a comment{end}device: cuda\n{rest}", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    rule = f"U+{ord(end):04X} ends a line to some who read YAML only: leave it out"
    assert str(caught.value).startswith(f"{path}:2: not valid YAML: {rule}. Received: ")
    assert end not in str(caught.value)


OF_OLD = {
    "spec.yaml": (
        b"seed: 1\rdevice: [cpu\roptimizer: {\r",
        "3: not valid YAML: ",
        "Received: 'optimizer: {'",
    ),
    "hidden.yaml": (
        b"seed: 1\r\r# a\xe2\x80\xa8b\rdevice: cpu",
        "3: not valid YAML: U+2028",
        "Received: '# a\\u2028b'",
    ),
    "spec.json": (
        b'{\r"seed": 1,\r"device" 1}',
        "3: not valid JSON: ",
        "Received: '\"device\" 1}'",
    ),
    "key.json": (b'{"seed": 1,\r\r"sead": 1}', "3: unknown key 'sead'", "did you mean 'seed'?"),
    "byte.yaml": (b"seed: 1\rdevice: \xff", "2: must be text in UTF-8", "Received: byte 0xff"),
}


@pytest.mark.parametrize("name", OF_OLD)
def test_a_mistake_in_a_file_with_the_line_ends_of_old(name: str, tmp_path: Path) -> None:
    """A carriage return ends a line of YAML and of JSON, and so it is counted."""
    content, begin, told = OF_OLD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / name)
    (message,) = (m for m in str(caught.value).splitlines() if f"{name}:{begin}" in m)
    assert message.startswith(f"{tmp_path / name}:{begin}")
    assert told in message


def test_characters_that_join_others_are_text() -> None:
    """Persian, Indic scripts and emoji are written with them."""
    for text in ("\u0645\u06cc\u200c\u062e", "\U0001f468\u200d\U0001f469", "\u3000", "e\u0301"):
        assert spec_of(freeze={"patterns": [text]}).freeze is not None


@pytest.mark.parametrize("where", ["freeze.patterns", "lr_multipliers[0].pattern"])
def test_half_a_surrogate_pair(where: str, tmp_path: Path) -> None:
    message = message_of(tmp_path, TEXTS[where], "\\ud800")
    rule = "must be text, without half a surrogate pair. Received: 'x\\ud800y'"
    assert message.endswith(rule) and where in message
