"""YAML and JSON as their own readers have them, with lines, tags and the files below."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from dualtrain.errors import SourceError
from dualtrain.reading import json_node, read_data, yaml_node

YAML = """# a recipe
lr: 1e-4
lr2: 1.0e-4
lr3: "0.1"
octal: 010
on: no
base: &base
  lr: 0.1
  milestones: [30, 60]
own:
  <<: *base
  milestones: [8]
several:
  <<: [{a: 1, b: 1}, {b: 2, c: 2}]
  c: 3
same: *base
day: 2020-01-01
nothing:
text: |
  two
  lines
"""


def test_values_are_those_of_the_safe_loader() -> None:
    plain = yaml.safe_load(YAML)
    plain["on"] = plain.pop(True)  # a key is the text that it is

    assert yaml_node(YAML, "a.yml").plain() == plain


def test_places_are_lines_of_keys() -> None:
    tree = yaml_node(YAML, "a.yml")
    lines = {
        path: str(node.place)
        for path in ("lr", "base.lr", "own.lr", "own.milestones", "same.lr", "text", "several.b")
        if (node := tree.get(path))
    }

    assert lines == {
        "lr": "a.yml:2",
        "base.lr": "a.yml:8",
        "own.lr": "a.yml:8",
        "own.milestones": "a.yml:12",
        "same.lr": "a.yml:8",
        "text": "a.yml:19",
        "several.b": "a.yml:14",
    }


def test_tags_are_words_and_construct_nothing() -> None:
    text = (
        "- !Step {gamma: 0.1}\n- !Rate 0.5\n- !Text '0.5'\n- !List [1]\n"
        "- !!python/object/apply:os.system ['exit 1']\n- !!float 3\n"
    )
    tree = yaml_node(text, "a.yml")

    assert [node.tag for node in tree.value] == [
        "Step", "Rate", "Text", "List", "python/object/apply:os.system", "",
    ]  # fmt: skip
    assert tree.plain() == [{"gamma": 0.1}, 0.5, "0.5", [1], ["exit 1"], 3.0]


JSON = '{"lr": 1e-4, "s": "a\\"b:{", "n": null,\n\n "list": [1, [true], {}],\n "o": {"lr": 2}}'


def test_json_is_that_of_the_standard_library_with_lines() -> None:
    tree = json_node(JSON, "a.json")
    node = tree.get("o.lr")

    assert tree.plain() == json.loads(JSON)
    assert node is not None and str(node.place) == "a.json:4"


def laughs(depth: int) -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, depth)]
    return "\n".join(rows)


REFUSED = {
    "lr: [1": "a.yml:1: not YAML: while parsing a flow sequence, expected ',' or ']', but got "
    "'<stream end>'. Received: 'lr: [1'",
    "a: 1\nb: c: 2": "a.yml:2: not YAML: mapping values are not allowed here. Received: 'b: c: 2'",
    "a: \x01": "a.yml:1: not YAML: special characters are not allowed",
    "day: 2020-13-01": "a.yml:1: not a value of its kind: month must be in 1..12. "
    "Received: '2020-13-01'",
    "a: !!int": "a.yml:1: not a value of its kind: string index out of range. Received: ''",
    "a: &a [*a]": "a.yml:1: an alias stands in what it stands for; write it out",
    "? [1, 2]\n: 3": "a.yml:1: a key is a list or a mapping; write it out",
    "a:\n  <<: 3": "a.yml:2: << takes a mapping or a list of them; write it out",
    "[" * 5000: "a.yml: too deeply nested to be read",
    laughs(9): "a.yml:5: its aliases write out more than 100000 values; write it out",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=lambda text: text[:20])
def test_what_is_no_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError) as refused:
        yaml_node(text, "a.yml")

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "a.json:1: not JSON: "),
        ('{"a": 1, "a": 2}', "a.json: key 'a' twice in one object"),
        ("[" * 100_000, "a.json: "),
        ("", "a.json:1: not JSON: Expecting value. Received: ''"),
    ],
)
def test_what_is_no_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError) as refused:
        json_node(text, "a.json")

    assert str(refused.value).startswith(message)


def files(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_files_build_upon_others(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        {
            "base.yml": "optimizer:\n  type: sgd\n  lr: 0.1\nsteps: [1, 2]\nmodel: {a: 1}\n",
            "more.yml": "seed: 3\noptimizer: {lr: 0.2}\n",
            "sub/middle.yml": "_BASE_: [../base.yml, '../more.yml']\niters: 10\n",
            "sub/own.yml": "_base_: middle.yml\noptimizer:\n  momentum: 0.9\nsteps: [3]\n"
            "model:\n  _inherited_: False\n  b: {_inherited_: False, c: 2}\n",
        },
    )
    tree = read_data(root / "sub/own.yml", root)

    assert tree.plain() == {
        "optimizer": {"type": "sgd", "lr": 0.2, "momentum": 0.9},
        "steps": [3],
        "model": {"b": {"c": 2}},
        "seed": 3,
        "iters": 10,
    }
    places = {
        path: str(node.place)
        for path in ("optimizer.lr", "optimizer.type", "optimizer.momentum", "iters", "steps")
        if (node := tree.get(path))
    }
    assert places == {
        "optimizer.lr": "more.yml:2",
        "optimizer.type": "base.yml:2",
        "optimizer.momentum": "sub/own.yml:3",
        "iters": "sub/middle.yml:2",
        "steps": "sub/own.yml:4",
    }


def test_an_empty_base_and_one_that_is_no_file_are_data(tmp_path: Path) -> None:
    root = files(tmp_path, {"a.yaml": "BASE: ['']\nlr: 1\n", "b.yaml": "BASE: resnet\n"})

    assert read_data(root / "a.yaml").plain() == {"lr": 1}
    assert read_data(root / "b.yaml").plain() == {"BASE": "resnet"}


def test_json_may_build_upon_yaml(tmp_path: Path) -> None:
    root = files(tmp_path, {"a.json": '{"_base_": "b.yml", "lr": 1e-4}', "b.yml": "seed: 1"})

    assert read_data(root / "a.json", root).plain() == {"seed": 1, "lr": 1e-4}


def test_a_base_that_is_not_there_is_refused(tmp_path: Path) -> None:
    root = files(tmp_path, {"a.yml": "_base_: b.yml"})

    with pytest.raises(SourceError) as refused:
        read_data(root / "a.yml", root)

    assert str(refused.value) == (
        "b.yml, which a.yml builds upon: cannot be read: No such file or directory"
    )


def test_a_file_that_builds_upon_itself_is_refused(tmp_path: Path) -> None:
    root = files(tmp_path, {"a.yml": "_base_: b.yml", "b.yml": "_base_: ./a.yml"})

    with pytest.raises(SourceError, match=r"a\.yml: builds upon itself"):
        read_data(root / "a.yml", root)
