"""Gradients given and taken, the copy in float64, and the update of gradients that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualtrain.backend import Backend, type_of
from dualtrain.training import Run, start
from tests.builders import spec_of

pytestmark = pytest.mark.usefixtures("without_autocast")

GRADIENTS = {
    "weight": np.array([[3.0, 0.0, -4.0], [0.0, 12.0, 0.0]], np.float32),
    "bias": np.array([0.5, -0.5], np.float32),
}
NORM = np.sqrt(9 + 16 + 144 + 0.5)


def started(backend: Backend, **spec: Any) -> Run:
    fields = {"optimizer": {"name": "sgd", "lr": 0.5}, "duration": {"updates": 9}, **spec}
    run = start(
        spec_of(**fields), backend.build_linear(3, 2), micro_batches_per_epoch=3, measure=True
    )
    backend.load_weights(run.model, {n: np.ones_like(g) for n, g in GRADIENTS.items()})
    return run


def loss_of(run: Run) -> Any:
    """Whose gradient is 2 w."""
    return sum((run.backend.scaled(p, 1.0) ** 2).sum() for p in run.model.parameters())


def test_gradients_are_given_as_backward_passes_leave_them(backend: Backend) -> None:
    """In canonical layout; none before; as copies."""
    run = started(backend, batch={"accumulate": 3})
    assert backend.dump_gradients(run.model) == {}
    for _ in range(2):
        run.step(loss_of(run))
    found = backend.dump_gradients(run.model)
    for name, gradient in GRADIENTS.items():
        np.testing.assert_allclose(found[name], np.full_like(gradient, 2 * 2 / 3), rtol=1e-6)
    before = {name: gradient.copy() for name, gradient in found.items()}
    backend.load_gradients(run.model, GRADIENTS)
    for name, gradient in GRADIENTS.items():
        np.testing.assert_array_equal(found[name], before[name])
        np.testing.assert_array_equal(backend.dump_gradients(run.model)[name], gradient)
    backend.load_gradients(run.model, {"bias": GRADIENTS["bias"]})
    assert backend.dump_gradients(run.model).keys() == {"bias"}


def test_gradients_of_masters_are_theirs(backend: Backend) -> None:
    run = started(backend, amp={"dtype": "bfloat16", "level": "O2"})
    seen = []
    run.inspect = lambda: seen.append(backend.dump_gradients(run.model))
    run.step(loss_of(run))
    run.move(GRADIENTS)

    for name, gradient in GRADIENTS.items():
        np.testing.assert_array_equal(seen[0][name], np.full_like(gradient, 2.0))
        np.testing.assert_array_equal(seen[1][name], gradient)
        assert seen[0][name].dtype == np.float32


@pytest.mark.parametrize(
    ("clip", "factor"),
    [(None, 1.0), ({"global_norm": 2.0}, 2.0 / NORM), ({"value": 100.0}, 1.0)],
    ids=["none", "norm", "value"],
)
def test_the_gradients_that_an_update_used_are_kept(
    backend: Backend, clip: Any, factor: float
) -> None:
    """Only where they are asked for; a clip of Paddle's leaves those of the model as they are."""
    run = started(backend, clip=clip)
    assert run.clip is not None
    run.move(GRADIENTS)
    assert backend.clipped_gradients(run.model, run.clip) == {}
    run.clip.keeps = True
    applied = run.move({"weight": GRADIENTS["weight"], "bias": GRADIENTS["bias"]})

    used = backend.clipped_gradients(run.model, run.clip)
    assert used.keys() == GRADIENTS.keys()
    for name, gradient in GRADIENTS.items():
        np.testing.assert_allclose(used[name], factor * gradient, rtol=1e-6)
    assert backend.numbers([applied.grad_norm])[0] == pytest.approx(NORM, rel=1e-6)


def test_an_update_of_gradients_that_are_given_is_the_rule(backend: Backend) -> None:
    """Unscaled first; no micro-batch is taken; and who has no gradient stands still."""
    run = started(backend, amp={"dtype": "float16", "loss_scale": {"init": 4.0}})
    run.move(GRADIENTS)
    applied = run.move({"bias": GRADIENTS["bias"]})

    found = backend.dump_weights(run.model)
    np.testing.assert_allclose(found["weight"], 1 - 0.5 * GRADIENTS["weight"] / 4)
    np.testing.assert_allclose(found["bias"], 1 - 2 * 0.5 * GRADIENTS["bias"] / 4)
    assert (applied.t, applied.attempt, run.t, run.micro_batch) == (1, 1, 2, 0)
    assert backend.dump_gradients(run.model) == {}


def test_who_looks_may_change_the_gradients_or_end_the_pass(backend: Backend) -> None:
    run = started(backend)
    run.inspect = lambda: backend.load_gradients(run.model, GRADIENTS)
    run.step(loss_of(run))
    found = backend.dump_weights(run.model)
    np.testing.assert_allclose(found["weight"], 1 - 0.5 * GRADIENTS["weight"])

    def enough() -> None:
        raise KeyError

    run.inspect = enough
    with pytest.raises(KeyError):
        run.step(loss_of(run))
    assert (run.attempts, run.t) == (1, 1)
    for name, weight in backend.dump_weights(run.model).items():
        np.testing.assert_array_equal(weight, found[name])


def test_a_copy_in_float64_is_apart(backend: Backend) -> None:
    """The same numbers; what it is given or trains leaves the model alone."""
    model = backend.build_linear(3, 2)
    before = backend.dump_weights(model)
    wide = backend.widened(model)
    assert {type_of(p) for p in wide.parameters()} == {"float64"}
    assert {type_of(p) for p in model.parameters()} == {"float32"}
    for name, weight in backend.dump_state(wide).weights.items():
        assert weight.dtype == np.float64
        np.testing.assert_array_equal(weight, before[name])
    assert [p.native for p in backend.parameters(wide)] == [
        p.native for p in backend.parameters(model)
    ]
    backend.load_weights(wide, {name: weight + 1 for name, weight in before.items()})
    for name, weight in backend.dump_weights(model).items():
        np.testing.assert_array_equal(weight, before[name])


def test_whole_numbers_stay_whole_in_a_copy_in_float64(backend: Backend) -> None:
    """Such as the places by which an embedding is read."""
    model = backend.build_linear(3, 2)
    given = {"places": np.arange(4), "seen": np.ones(2, bool), "scale": np.ones(2, np.float32)}
    for name, tensor in backend.to_device(given, backend.open_device("cpu")).items():
        model.register_buffer(name, tensor)
    wide = {name: type_of(buffer) for name, buffer in backend.widened(model).named_buffers()}
    assert wide == {"places": "int64", "seen": "bool", "scale": "float64"}
    assert type_of(model.scale) == "float32"


def test_tensors_of_no_stated_type_are_float64_inside_only(backend: Backend) -> None:
    def default() -> str:
        return type_of(next(iter(backend.build_linear(2, 2).parameters())))

    with backend.in_float64():
        assert default() == "float64"
    assert default() == "float32"
    with pytest.raises(KeyError), backend.in_float64():
        raise KeyError
    assert default() == "float32"


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_float64_stays_in_it(
    backend: Backend, soft: bool, smoothing: float
) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(5, 3))
    q = random.dirichlet(np.ones(3), 5) if soft else np.eye(3)[[0, 1, 2, 0, 1]]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(((1 - smoothing) * q + smoothing / 3) * log_p).sum()
    given = {"logits": logits, "labels": q if soft else np.array([0, 1, 2, 0, 1])}
    tensors = backend.to_device(given, backend.open_device("cpu"))
    found = backend.cross_entropy_sum(
        tensors["logits"], tensors["labels"], label_smoothing=smoothing
    )

    assert type_of(found) == "float64"
    assert backend.numbers([found])[0] == pytest.approx(expected, rel=1e-14)
