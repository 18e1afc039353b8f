"""A family is known by the shape of its tree, and no tree is too odd to be read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dualtrain.reading import Node, Place
from dualtrain.recipes import FIELDS
from dualtrain.recipes.vision import vision_recipe
from tests.core.recipes.vision import (
    test_classification,
    test_detection,
    test_segmentation,
    test_text,
    test_video,
)

AT = Place("recipe.yml", 1)
SEVERAL = (
    test_classification.HEAD
    + "  - SGD: {scope: a, lr: {name: ConstLR, learning_rate: 0.1}}\n"
    + "  - Adam: {scope: b, lr: {name: Step, learning_rate: 0.1, step_size: 2, gamma: 0.1}}\n"
)
TEXTS = {
    "segmentation": test_segmentation.TREE + test_segmentation.WARMUP,
    "classification": test_classification.TREE,
    "several optimizers": SEVERAL,
    "piecewise": test_classification.rates("name: Piecewise, learning_rate: 0.1"),
    "text": test_text.TREE,
    "detection": test_detection.TREE,
    "video": test_video.TREE,
    "groups": test_detection.with_optimizer(
        "{optimizer: {type: AdamW, param_groups: [{params: [a], weight_decay: 0.0}]}}"
    ),
}


def node(value: Any) -> Node:
    """A plain tree with places."""
    if isinstance(value, dict):
        return Node({key: node(item) for key, item in value.items()}, AT)
    return Node([node(item) for item in value] if isinstance(value, list) else value, AT)


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a tree can be changed."""
    if above:
        yield above
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from paths(item, (*above, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The tree with something else at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def loaded(text: str) -> Any:
    """What a reader of YAML gives."""
    return yaml.safe_load(text)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1e-4, 10**400, math.nan, math.inf, "", "x", "1e-4", "nan", "None"]),
    st.lists(st.sampled_from([1, "1e-4", None, "x"]), max_size=2),
    st.dictionaries(st.sampled_from(["name", "type", "scope"]), st.none(), max_size=2),
)


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_anything_may_stand_anywhere(name: str, data: st.DataObject) -> None:
    tree = loaded(TEXTS[name])
    path = data.draw(st.sampled_from(sorted(paths(tree), key=repr)))
    found = vision_recipe(node(changed(tree, path, data.draw(ODD))))

    if found is not None:
        fields, hazards = found
        assert set(fields) <= set(FIELDS)
        assert all(one.why or one.certainty != "unknown" for one in fields.values())
        assert all(hazard.text for hazard in hazards)


@pytest.mark.parametrize("name", TEXTS)
def test_the_shape_alone_tells(name: str) -> None:
    tree = loaded(TEXTS[name])

    assert vision_recipe(node(tree)) is not None
    for key in tree:
        renamed = {("Other" if one == key else one): value for one, value in tree.items()}
        if key in (
            "optimizer",
            "Optimizer",
            "OptimizerBuilder",
            "Global",
            "iters",
            "LearningRate",
            "OPTIMIZER",
        ):
            assert vision_recipe(node(renamed)) is None


@pytest.mark.parametrize(
    ("name", "path", "field"),
    [
        ("segmentation", ("lr_scheduler", "learning_rate"), "lr"),
        ("segmentation", ("batch_size",), "batch_size"),
        ("classification", ("Optimizer", "lr", "learning_rate"), "lr"),
        ("classification", ("Optimizer", "momentum"), "momentum"),
        ("text", ("Train", "loader", "batch_size_per_card"), "batch_size"),
        ("video", ("OPTIMIZER", "learning_rate", "values"), "values"),
    ],
)
def test_what_must_be_given_is_unknown_where_it_is_not(
    name: str, path: tuple[str, ...], field: str
) -> None:
    found = vision_recipe(node(changed(loaded(TEXTS[name]), path, None)))

    assert found is not None
    assert found[0][field].certainty == "unknown"
    assert path[-1] in found[0][field].why


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"lr": 0.1}, {"optimizer": {"type": "x"}}])
def test_other_trees_are_of_no_family(value: Any) -> None:
    assert vision_recipe(node(value)) is None
