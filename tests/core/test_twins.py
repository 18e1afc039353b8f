"""Twins, without a framework: what a line does, what is wrong with a map, what is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from dualtrain.errors import TwinsError
from dualtrain.shapes import Shape
from dualtrain.state import RunState, TensorState
from dualtrain.twins import Twins, state_to_target
from dualtrain.twins._map import Given
from dualtrain.twins._pair import pair
from dualtrain.twins._propose import Proposal, proposal_of
from dualtrain.twins._tensors import Model, Tensor
from dualtrain.twins._term import parse_terms

Shapes = Mapping[str, Shape]


def model(shapes: Shapes, owner: str = "Linear") -> Model:
    """A model of tensors alone; running statistics by their names."""
    tensors = tuple(
        Tensor(name=name, shape=shape, owner=owner, is_statistic="running_" in name)
        for name, shape in shapes.items()
    )
    return Model(None, cast("Any", SimpleNamespace(NAME="torch")), {}, tensors)


def paired(source: Shapes, target: Shapes, lines: Given | None = None) -> Twins:
    return pair(model(source), model(target), lines)


def proposed(source: Shapes, target: Shapes, *owners: str) -> Proposal:
    ours, theirs = owners or ("Linear", "Linear")
    return proposal_of(model(source, ours), model(target, theirs))


def numbers(shapes: Shapes) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {name: random.standard_normal(shape) for name, shape in shapes.items()}


class TestLine:
    """What it carries, against numpy."""

    Q, K, V = ((3, 4), (2, 4), (2, 4))
    """Heads of key and value are shared among those of query."""

    def test_split_and_join(self) -> None:
        twins = paired({"a": (7, 4)}, {"q": self.Q, "k": self.K, "v": self.V}, {"a": "q + k + v"})
        held = numbers({"a": (7, 4)})
        split = twins.to_target(held)

        for name, rows in {"q": slice(0, 3), "k": slice(3, 5), "v": slice(5, 7)}.items():
            np.testing.assert_array_equal(split[name], held["a"][rows])
        np.testing.assert_array_equal(twins.to_source(split)["a"], held["a"])

    def test_transposed_parts_are_joined_along_the_other_axis(self) -> None:
        shapes = {"q": (4, 3), "k": (4, 2)}
        twins = paired(shapes, {"a": (4, 5)}, {"q.T + k.T": "a.T"})
        held = numbers(shapes)

        np.testing.assert_array_equal(
            twins.to_target(held)["a"], np.concatenate([held["q"], held["k"]], axis=1)
        )

    def test_heads(self) -> None:
        """Rows (head, part, size), as `qkv.reshape(heads, 3, size)` reads them."""
        parts: Shapes = dict.fromkeys("qkv", (6, 5))
        twins = paired({"a": (18, 5)}, parts, {"a.heads(2)": "q + k + v"})
        held = numbers({"a": (18, 5)})
        split = twins.to_target(held)

        by_head = held["a"].reshape(2, 3, 3, 5)
        for number, name in enumerate("qkv"):
            np.testing.assert_array_equal(split[name], by_head[:, number].reshape(6, 5))
        np.testing.assert_array_equal(twins.to_source(split)["a"], held["a"])

    def test_a_convolution_as_a_matrix_over_pixels(self) -> None:
        lines = {"conv.permute(0, 2, 3, 1)": "linear"}
        twins = paired({"conv": (8, 3, 2, 2)}, {"linear": (8, 12)}, lines)
        held = numbers({"conv": (8, 3, 2, 2)})
        there = twins.to_target(held)

        np.testing.assert_array_equal(
            there["linear"], np.moveaxis(held["conv"], 1, 3).reshape(8, 12)
        )
        np.testing.assert_array_equal(twins.to_source(there)["conv"], held["conv"])

    @given(array_shapes(min_dims=1, max_dims=4, max_side=4), st.data())
    def test_the_way_back(self, shape: Shape, data: st.DataObject) -> None:
        axes = data.draw(st.permutations(range(len(shape))))
        text = f"a.permute({', '.join(map(str, axes))})"
        held = {"a": np.random.default_rng(0).standard_normal(shape)}
        twins = paired({"a": shape}, {"b": tuple(shape[i] for i in axes)}, {text: "b"})

        np.testing.assert_array_equal(twins.to_target(held)["b"], held["a"].transpose(axes))
        np.testing.assert_array_equal(twins.to_source(twins.to_target(held))["a"], held["a"])

    def test_what_is_absent_stays_absent(self) -> None:
        """A parameter that is frozen has no gradient; half of a joined one is a mistake."""
        shapes: Shapes = {"q": (2, 1), "k": (2, 1), "b": (3,)}
        twins = paired(shapes, {"a": (4, 1), "b": (3,)}, {"q + k": "a"})
        held = numbers(shapes)

        assert list(twins.to_target({"b": held["b"]})) == ["b"]
        with pytest.raises(TwinsError, match=r"^q \+ k: all of them or none.* nothing for k$"):
            twins.to_target({"q": held["q"]})

    def test_values_of_tensors(self) -> None:
        twins = paired(
            {"a": (4, 1), "b": (3,)}, {"q": (2, 1), "k": (2, 1), "b": (3,)}, {"a": "q + k"}
        )

        assert twins.values_to_target({"a": 1.0, "b": 2.0}) == {"q": 1.0, "k": 1.0, "b": 2.0}
        assert twins.values_to_source({"q": 1.0, "k": 3.0, "b": 2.0}) == {"a": 3.0, "b": 2.0}
        assert twins.values_apart({"a": 1.0}, "source") == {"q": 1.0, "k": 1.0}
        assert twins.values_apart({"q": 1.0, "k": 3.0}, "target") == {"q": 1.0, "k": 3.0}
        assert twins.shapes_apart == {"q": (2, 1), "k": (2, 1), "b": (3,)}


def test_the_state_of_a_run() -> None:
    """Moments go as the weights do, the number of updates to each part; nothing of a framework's
    own."""
    random = np.random.default_rng(0)
    weights, moment = ({"a": random.standard_normal((4, 2)), "b": np.ones(3)} for _ in range(2))
    kept = {"a": {"first_moment": moment["a"], "step": np.array(7)}}
    tensors = TensorState(weights=weights, optimizer=kept, own={"random/cpu": np.zeros(5)})
    state = RunState(
        backend="torch",
        rule="adamw",
        t=7,
        attempts=8,
        skipped=1,
        epoch=0,
        micro_batch=8,
        tensors=tensors,
        averages=weights,
        averaged=7,
    )
    twins = paired({"a": (4, 2), "b": (3,)}, {"q": (1, 2), "k": (3, 2), "b": (3,)}, {"a": "q + k"})
    there = state_to_target(state, twins)

    assert there.scalars() == state.scalars()
    arrays = there.arrays()
    expected = {
        "optimizer/first_moment/q": moment["a"][:1],
        "optimizer/first_moment/k": moment["a"][1:],
        "optimizer/step/q": np.array(7),
        "optimizer/step/k": np.array(7),
    }
    for part in ("weights", "averages"):
        split = {"q": weights["a"][:1], "k": weights["a"][1:], "b": weights["b"]}
        expected |= {f"{part}/{name}": array for name, array in split.items()}
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array)


SOURCE: Shapes = {
    "layers.0.w": (2, 3),
    "layers.1.w": (2, 3),
    "layers.1.norm.w": (2,),
    "out": (4, 4),
}
TARGET: Shapes = {"h.0.w": (2, 3), "h.1.w": (2, 3), "h.1.norm.w": (2,), "out": (4, 4)}


class TestMap:
    """Lines that hold, and what is said of those that do not."""

    def test_the_first_line_that_fits_counts(self) -> None:
        lines = {"layers.0.w": "h.1.w", "layers.1.w": "h.0.w", "layers.**": "h.**"}
        twins = paired(SOURCE, TARGET, lines)

        assert [str(line) for line in twins.lines] == [
            "layers.0.w: h.1.w",
            "layers.1.w: h.0.w",
            "layers.1.norm.w: h.1.norm.w",
            "out: out",
        ]

    def test_one_star_is_one_part_of_a_name(self) -> None:
        with pytest.raises(TwinsError, match=r"without a twin 1 of .*: layers.1.norm.w \(2,\)"):
            paired(SOURCE, TARGET, {"layers.*.w": "h.*.w"})

    def test_a_map_serves_both_ways(self) -> None:
        assert paired(TARGET, SOURCE, {"layers.**": "h.**"}).to_target(numbers(TARGET)).keys() == (
            SOURCE.keys()
        )

    @pytest.mark.parametrize(
        ("lines", "told"),
        [
            (
                {"layer.*.w": "h.*.w"},
                "layer.*.w: h.*.w: fits no tensor of torch's NoneType; did you mean 'layers.1.w'?",
            ),
            (
                {"out": "h.2.w"},
                "out: h.2.w: torch's NoneType has no 'h.2.w'; did you mean 'h.1.w'?",
            ),
            (
                {"layers.0.w": "h.0.w", "layers.1.w": "h.0.w"},
                "layers.1.w: h.0.w: 'h.0.w' of torch's NoneType has a twin already",
            ),
            (
                {"layers.0.w + layers.0.w": "out"},
                "layers.0.w + layers.0.w: out: 'layers.0.w' of torch's NoneType has a twin already",
            ),
            (
                {"layers.0.w": "out"},
                "layers.0.w: out: shape (2, 3) cannot be shape (4, 4), in layers.0.w: out",
            ),
            (
                {"layers.0.w + layers.1.norm.w": "out"},
                "layers.0.w + layers.1.norm.w: out: what is joined must be alike but for the first "
                "axis, in layers.0.w + layers.1.norm.w: out",
            ),
            (
                {"layers.1.norm.w.T": "h.1.norm.w"},
                "layers.1.norm.w.T: h.1.norm.w: layers.1.norm.w.T needs a tensor of 2 axes, in "
                "layers.1.norm.w.T: h.1.norm.w",
            ),
            (
                {"out.heads(2)": "out"},
                "out.heads(2): out: out.heads(2) needs a first axis that 3 x 2 divides, in "
                "out.heads(2): out",
            ),
            (
                {"layers.*.w": "h.0.w"},
                "every name in a line must have the same stars, in the same order. "
                "Received: layers.*.w: h.0.w",
            ),
            (
                {"a + b": "c + d"},
                "one side of a line must be a single tensor. Received: a + b: c + d",
            ),
            (
                {"out.permute(1)(0)": "out"},
                "must be a tensor's name, and if need be .T, .permute(0, 2, 3, 1) or .heads(12); "
                "several with + between. Received: out.permute(1)(0): out",
            ),
            (
                {"out": 3},
                "a line of a map has text on both sides of its colon. Received: out: 3",
            ),
        ],
    )
    def test_a_line_that_is_wrong(self, lines: Any, told: str) -> None:
        with pytest.raises(TwinsError) as caught:
            paired(SOURCE, TARGET, lines)

        assert str(caught.value) == told

    def test_a_file_is_told_by_its_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "map.yaml"
        file.write_text("# a map\nout: none\nlayers.0.w: [h.0.w]\nout: out\n")
        with pytest.raises(TwinsError) as caught:
            paired(SOURCE, TARGET, file)

        assert str(caught.value) == (
            f"{file}:3: a line of a map has text on both sides of its colon. "
            f"Received: layers.0.w: ['h.0.w']\n{file}:4: 'out' stands twice, first on line 2"
        )

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("- a\n- b\n", "1: a map of twins has lines such as `encoder.weight: layers.0.weight`"),
            ("a: b: c\n", "1: not valid YAML: mapping values are not allowed here"),
            ("", " is empty"),
        ],
    )
    def test_a_file_that_is_no_map(self, text: str, told: str, tmp_path: Path) -> None:
        file = tmp_path / "map.yaml"
        file.write_text(text)
        with pytest.raises(TwinsError) as caught:
            paired(SOURCE, TARGET, file)

        assert str(caught.value).startswith(f"{file}:{told}")

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(TwinsError, match=r"map.yaml: cannot be read: No such file"):
            paired(SOURCE, TARGET, tmp_path / "map.yaml")


def test_terms_are_read_as_they_are_written() -> None:
    text = "a.weight + b.weight.T + c.permute(0, 2, 3, 1) + d.T.heads(4)"
    assert " + ".join(map(str, parse_terms(text))) == text


# --- proposals

W, B = (4, 4), (4,)


def lines(proposal: Proposal) -> dict[str, tuple[str, str]]:
    """Left -> right, and whether it is in doubt."""
    return {e.left: (e.right, e.doubt.partition(",")[0]) for e in proposal.entries}


class TestProposal:
    """Which is which: by size in the tree, then by words, then by order and told so."""

    def test_equal_names_need_no_line(self) -> None:
        found = proposed({"a": W, "b.c": B}, {"a": W, "b.c": B})

        assert (found.entries, found.whole) == ((), True)
        assert found.text().endswith("all pair by their names, and no line is needed\n")

    def test_words_count_before_order(self) -> None:
        found = proposed(
            {"query_norm.weight": B, "value_norm.weight": B},
            {"v_ln.weight": B, "q_ln.weight": B},
        )

        assert lines(found) == {
            "query_norm.weight": ("q_ln.weight", ""),
            "value_norm.weight": ("v_ln.weight", ""),
        }

    def test_order_alone_is_told(self) -> None:
        found = proposed({"a.weight": W, "b.weight": W}, {"x.weight": W, "y.weight": W})

        assert lines(found) == {
            "a.weight": ("x.weight", "by order alone"),
            "b.weight": ("y.weight", "by order alone"),
        }
        assert "lines to look at, by their remarks: 2;" in found.text()

    def test_a_series_counts_by_its_places(self) -> None:
        """From 0 or from 1, with activations between, in any order of the walk."""
        found = proposed(
            {"fc1.weight": W, "fc2.weight": W, "fc10.weight": W},
            {"net.6.weight": W, "net.0.weight": W, "net.3.weight": W},
        )

        assert lines(found) == {
            "fc1.weight": ("net.0.weight", ""),
            "fc2.weight": ("net.3.weight", ""),
            "fc10.weight": ("net.6.weight", ""),
        }

    def test_a_place_in_a_sequential_is_no_name(self) -> None:
        """stem.1 is not rest.1, though both are number 1 of something."""
        found = proposed(
            {"stem.1.weight": B, "norm.weight": B}, {"ln.weight": B, "rest.1.weight": B}
        )

        assert lines(found)["stem.1.weight"] == ("rest.1.weight", "")
        found = proposed(
            {"stem.1.weight": B, "bn.weight": B}, {"first.weight": B, "rest.1.weight": B}
        )

        assert lines(found)["stem.1.weight"] == ("first.weight", "by order alone")

    def test_another_nesting_does_not_matter(self) -> None:
        found = proposed(
            {
                "body.stem.conv.weight": (8, 3, 3, 3),
                "body.stage.fc.weight": (5, 8),
                "head.weight": (2, 5),
            },
            {"conv.weight": (8, 3, 3, 3), "rest.fc.weight": (5, 8), "rest.head.weight": (2, 5)},
        )

        assert lines(found) == {
            "body.stem.conv.weight": ("conv.weight", ""),
            "body.stage.fc.weight": ("rest.fc.weight", ""),
            "head.weight": ("rest.head.weight", ""),
        }

    def test_a_square_matrix_lies_as_the_others_of_its_class(self) -> None:
        shapes: Shapes = {"a.weight": (4, 5), "b.weight": (5, 5)}
        turned: Shapes = {"a.weight": (5, 4), "b.weight": (5, 5)}
        sure = proposed(shapes, turned, "Linear", "Dense")
        unsure = proposed({"b.weight": (5, 5)}, {"c.weight": (5, 5)}, "Linear", "Dense")

        assert lines(sure) == {
            "a.weight": ("a.weight.T", ""),
            "b.weight": ("b.weight.T", ""),
        }
        assert lines(unsure) == {"b.weight": ("c.weight", "square")}

    def test_query_key_and_value(self) -> None:
        """In one tensor, in two or in three; in whatever order the modules stand."""
        apart: Shapes = {"k_proj.weight": (2, 6), "v_proj.weight": (2, 6), "q_proj.weight": (4, 6)}
        fused: Shapes = {"Wqkv.weight": (8, 6)}
        two: Shapes = {"to_q.weight": (4, 6), "to_kv.weight": (4, 6)}

        assert proposed(fused, apart).map == {
            "Wqkv.weight": "q_proj.weight + k_proj.weight + v_proj.weight"
        }
        assert proposed(apart, two).map == {
            "k_proj.weight + v_proj.weight": "to_kv.weight",
            "q_proj.weight": "to_q.weight",
        }
        assert proposed(fused, two).map == {"Wqkv.weight": "to_q.weight + to_kv.weight"}

    def test_norms_of_ones_own(self) -> None:
        """gamma and beta; running statistics keep their names."""
        found = proposed(
            {"bn.weight": B, "bn.bias": B, "bn.running_mean": B, "bn.running_var": B},
            {"n.gamma": B, "n.beta": B, "n.running_mean": B, "n.running_var": B},
        )

        assert found.map == {
            "bn.weight": "n.gamma",
            "bn.bias": "n.beta",
            "bn.running_mean": "n.running_mean",
            "bn.running_var": "n.running_var",
        }

    def test_what_has_no_counterpart_is_open(self) -> None:
        found = proposed(
            {"a.weight": (2, 3), "old.weight": (9, 9), "x.0.w": (7,), "x.1.w": (7,)},
            {"b.weight": (2, 3)},
        )

        assert (found.whole, found.map) == (False, {"a.weight": "b.weight"})
        assert found.text().splitlines()[2:] == [
            "# open, of torch's NoneType: old.weight (9, 9)",
            "# open, of torch's NoneType: x.*.w (7,) x 2",
        ]

    def test_layers_are_one_line(self) -> None:
        """And the map, read again, is the same."""
        source: Shapes = {f"layers.{i}.{n}.{w}": s for i in range(12) for n in "ab" for w, s in WB}
        target: Shapes = {f"h.{i}.{n}.{w}": s for i in range(12) for n in "ab" for w, s in WB}
        found = proposed(source, target)

        assert found.map == {"layers.*.a.*": "h.*.a.*", "layers.*.b.*": "h.*.b.*"}
        again = paired(source, target, found.map).to_target(numbers(source))
        assert again.keys() == target.keys()

    @given(st.permutations([("a.x", (2, 3)), ("a.y", (3, 2)), ("b.z", (5,)), ("c", (7, 2))]))
    def test_the_order_of_what_is_unlike_does_not_matter(
        self, order: list[tuple[str, Shape]]
    ) -> None:
        target: Shapes = {"p.x": (2, 3), "p.y": (3, 2), "z": (5,), "q.c": (7, 2)}
        found = proposed(dict(order), target)

        assert found.map == {"a.*": "p.*", "b.z": "z", "c": "q.c"}
        assert found.doubts == 0


WB = (("weight", (2, 3)), ("bias", (2,)))
