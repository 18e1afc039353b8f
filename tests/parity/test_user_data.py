"""What users hand to `fit`: tensors and loaders of either framework, tuples, what models return."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
import pytest
import torch

from dualtrain import fit
from dualtrain.errors import BackendError, DataError
from dualtrain.trace import Update
from tests import builders

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 2
SIZE = 4


spec_of = partial(
    builders.spec_of,
    optimizer={"name": "adamw", "lr": 0.01},
    schedule={"name": "linear"},
    duration={"epochs": 2},
)


def torch_model(*, dropout: float = 0.0) -> Any:
    torch.manual_seed(0)
    parts = (torch.nn.Linear(3, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 2))
    return torch.nn.Sequential(*parts)


def paddle_model(*, dropout: float = 0.0) -> Any:
    paddle.seed(0)
    parts = (paddle.nn.Linear(3, 8), paddle.nn.Dropout(dropout), paddle.nn.Linear(8, 2))
    return paddle.nn.Sequential(*parts)


MODELS = {"torch": torch_model, "paddle": paddle_model}


@pytest.fixture(params=MODELS)
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def pairs() -> list[tuple[Any, Any]]:
    return [(X[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, 12, SIZE)]


class Set(paddle.io.Dataset):
    """Samples, for the loaders of both frameworks."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return X[index], Y[index]


def samples() -> Any:
    """A set, of whichever framework's kind."""
    return Set()


class Rows(torch.utils.data.IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        return iter(pairs())


DATA: dict[str, Any] = {
    "tuples of arrays": pairs,
    "lists of arrays": lambda: [list(pair) for pair in pairs()],
    "mappings of torch tensors": lambda: [
        {"input": torch.tensor(x), "labels": torch.tensor(y)} for x, y in pairs()
    ],
    "tuples of torch tensors": lambda: [(torch.tensor(x), torch.tensor(y)) for x, y in pairs()],
    "tuples of paddle tensors": lambda: [
        (paddle.to_tensor(x), paddle.to_tensor(y)) for x, y in pairs()
    ],
    "a mapping and labels": lambda: [({"input": x}, torch.tensor(y)) for x, y in pairs()],
    "a torch DataLoader": lambda: torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=SIZE
    ),
    "a paddle DataLoader": lambda: paddle.io.DataLoader(samples(), batch_size=SIZE, shuffle=False),
    "a loader for each epoch": lambda: (
        lambda epoch: torch.utils.data.DataLoader(samples(), batch_size=SIZE)
    ),
    "a parameter among the tensors": lambda: [
        (torch.tensor(x, requires_grad=True), y) for x, y in pairs()
    ],
}


@pytest.mark.parametrize("data", DATA)
def test_every_form_is_the_same_data(framework: str, data: str) -> None:
    """To the bit, digests too, in the model of either framework."""
    plain = [{"input": x, "labels": y} for x, y in pairs()]
    expected = fit(spec_of(), MODELS[framework](), plain)
    assert fit(spec_of(), MODELS[framework](), DATA[data]()) == expected


def test_a_loader_is_read_as_it_goes(framework: str) -> None:
    """Two micro-batches at most are held: those of a group."""
    drawn: list[int] = []
    made: list[int] = []

    class Counted:
        def __len__(self) -> int:
            return 6

        def __iter__(self) -> Iterator[Any]:
            for index in range(6):
                drawn.append(index)
                yield pairs()[index % 3]

    model = MODELS[framework]()
    model.register_forward_hook(lambda *_: made.append(len(drawn))) if framework == "torch" else (
        model.register_forward_post_hook(lambda *_: made.append(len(drawn)))
    )
    fit(spec_of(batch={"accumulate": 2}), model, Counted())
    assert made == [2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12]


def test_shuffling_and_dropout_follow_the_seed(tmp_path: Any) -> None:
    """Of a torch loader with torch's own random numbers; a trace changes none of them."""

    def run(seed: int, trace: Any = None) -> list[float]:
        torch.manual_seed(int(np.random.default_rng().integers(1000)))
        data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
        loader = torch.utils.data.DataLoader(data, batch_size=SIZE, shuffle=True)
        model = torch_model(dropout=0.5)
        torch.rand(7)
        made = fit(spec_of(seed=seed), model, loader, trace=trace)
        return [update.loss for update in made]

    assert run(1) == run(1)
    assert run(1) == run(1, tmp_path / "trace.jsonl")
    assert run(1) != run(2)


@pytest.mark.parametrize("through", ["fit", "start"])
def test_the_seed_acts(framework: str, through: str) -> None:
    """Two runs with dropout, the same seed: the same losses, whatever was drawn between them."""
    from dualtrain import start
    from dualtrain.backend import load_backend

    verbs = load_backend(framework)

    def losses(seed: int) -> list[float]:
        model = MODELS[framework](dropout=0.5)
        spec = spec_of(seed=seed)
        if through == "fit":
            return [update.loss for update in fit(spec, model, pairs())]
        run = start(spec, model, micro_batches_per_epoch=3)
        found = []
        for x, y in pairs():
            tensors = verbs.to_device({"x": x, "y": y}, run.device)
            loss = verbs.cross_entropy_sum(model(tensors["x"]), tensors["y"])
            run.step(loss / len(x))
            found.append(loss)
        return verbs.numbers(found)

    first = losses(1)
    MODELS[framework]()
    assert losses(1) == first
    assert losses(2) != first


class Returning(torch.nn.Module):
    """Returns what a test wants made of its logits."""

    def __init__(self, form: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.form = torch.nn.Linear(3, 2), form

    def forward(self, x: Any) -> Any:
        return self.form(self.linear(x))


class PaddleReturning(paddle.nn.Layer):
    def __init__(self, form: Any) -> None:
        super().__init__()
        paddle.seed(0)
        self.linear, self.form = paddle.nn.Linear(3, 2), form

    def forward(self, x: Any) -> Any:
        return self.form(self.linear(x))


RETURNING = {"torch": Returning, "paddle": PaddleReturning}


@pytest.mark.parametrize(
    "form",
    [
        lambda logits: (logits, logits * 2),
        lambda logits: {"logits": logits},
        lambda logits: {"loss": logits.mean(), "logits": logits},
        lambda logits: SimpleNamespace(logits=logits),
        lambda logits: SimpleNamespace(loss=logits.mean(), logits=logits),
    ],
    ids=["tuple", "dict", "dict with a loss", "object", "object with a loss"],
)
def test_logits_are_found_in_what_a_model_returns(framework: str, form: Any) -> None:
    """A loss beside them is not taken: it would be a mean."""
    expected = fit(spec_of(), RETURNING[framework](lambda logits: logits), pairs())
    assert fit(spec_of(), RETURNING[framework](form), pairs()) == expected


@pytest.mark.parametrize(
    "form",
    [lambda logits: {"loss": logits.mean()}, lambda logits: SimpleNamespace(loss=logits.mean())],
    ids=["dict", "object"],
)
def test_a_loss_of_the_models_own_is_refused(framework: str, form: Any) -> None:
    with pytest.raises(BackendError, match=r"mean over what only you know.*fit\(loss=lambda"):
        fit(spec_of(), RETURNING[framework](form), pairs())


def test_the_refusal_names_what_works(framework: str) -> None:
    """The model's own loss, a mean over the samples, made a sum."""
    made: tuple[Update, ...] = fit(
        spec_of(),
        RETURNING[framework](lambda logits: {"loss": (logits**2).mean()}),
        pairs(),
        loss=lambda model, batch: model(batch["x"])["loss"] * len(batch["x"]),
    )
    assert all(np.isfinite(update.loss) for update in made)


@pytest.mark.parametrize(
    ("batches", "received"),
    [
        (lambda: torch.utils.data.DataLoader(Rows(), batch_size=None), "Received: DataLoader$"),
        (lambda: iter(pairs()), "Received: list_iterator$"),
        (lambda: {"input": X, "labels": Y}, "Received: dict, which is one micro-batch$"),
        (lambda: [X], "micro-batch 0: a micro-batch must be .* Received: ndarray$"),
        (lambda: [torch.tensor(X)], "micro-batch 0: a micro-batch must be .* Received: Tensor$"),
        (lambda: [(X, X, Y)], "forward names 1 inputs in order.* Received: tuple of 3$"),
        (lambda: [{"x": torch.nn.Linear(1, 1)}], "Received: 'x', Linear$"),
        (lambda: [(X, Y.tolist())], "Received: 'labels', list$"),
    ],
)
def test_what_is_no_data_is_refused(framework: str, batches: Any, received: str) -> None:
    with pytest.raises(DataError, match=received):
        fit(spec_of(), MODELS[framework](), batches())


def test_a_tuple_follows_a_forward_that_names_its_model_otherwise() -> None:
    class Model(torch.nn.Linear):
        def forward(_layer, input: Any) -> Any:
            return super().forward(input)

    made = fit(spec_of(), Model(3, 2), pairs())
    assert len(made) == 6


def test_a_loader_that_ends_early_is_refused(framework: str) -> None:
    class Short:
        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Iterator[Any]:
            return iter(pairs()[:2])

    with pytest.raises(DataError, match=r"as many micro-batches .* 3\. Received: 2 in epoch 0$"):
        fit(spec_of(), MODELS[framework](), Short())


Named = namedtuple("Named", ["labels", "input"])


class OwnWord(torch.nn.Module):
    """A model that calls itself by another name than self."""

    def __init__(this) -> None:  # pyright: ignore[reportSelfClsParameterName]
        super().__init__()
        this.layers = torch_model()

    def forward(this, x: Any, labels: Any = None) -> Any:  # pyright: ignore[reportSelfClsParameterName]
        return this.layers(x)


def test_a_named_tuple_is_read_by_its_names(framework: str) -> None:
    named = [Named(labels=y, input=x) for x, y in pairs()]
    assert fit(spec_of(), MODELS[framework](), named) == fit(
        spec_of(), MODELS[framework](), pairs()
    )


def losses(model: Any) -> list[float]:
    return [update.loss for update in fit(spec_of(), model, pairs())]


def test_the_model_may_call_itself_as_it_likes() -> None:
    assert losses(OwnWord()) == losses(torch_model())


def test_a_named_tuple_of_outputs_is_asked_for_its_logits() -> None:
    """Its first field may be anything, of the shape of logits too."""
    Output = namedtuple("Output", ["hidden", "logits"])

    class Two(OwnWord):
        def forward(this, x: Any) -> Any:  # type: ignore[override]
            return Output(x, this.layers(x))

    assert losses(Two()) == losses(torch_model())


def test_an_array_is_no_output_of_a_model() -> None:
    class Detached(OwnWord):
        def forward(this, x: Any) -> Any:  # type: ignore[override]
            return this.layers(x).detach().numpy()

    with pytest.raises(BackendError, match=r"must return a tensor, .* Received: ndarray$"):
        fit(spec_of(), Detached(), pairs())


def test_a_model_that_needs_its_labels_is_told_of_the_way_out() -> None:
    class Loss(OwnWord):
        def forward(this, x: Any, labels: Any) -> Any:  # type: ignore[override]
            return torch.nn.functional.cross_entropy(this.layers(x), labels)

    with pytest.raises(BackendError, match=r"do without labels, .*fit\(loss=\)"):
        fit(spec_of(), Loss(), pairs())
    own = fit(spec_of(), Loss(), pairs(), loss=lambda model, batch: model(**batch) * SIZE)
    assert len(own) == 6


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "at least one micro-batch: .* Received: list, empty"),
        (
            torch.utils.data.DataLoader(samples(), 100, drop_last=True),
            "at least one micro-batch: .* Received: DataLoader, empty",
        ),
        (lambda: pairs(), r"must take the epoch's number\. Received: <lambda>\(\)"),
    ],
)
def test_what_is_no_epoch_is_refused(batches: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit(spec_of(), torch_model(), batches)


def test_a_loss_that_is_no_function_is_refused() -> None:
    with pytest.raises(DataError, match=r"must be a function of .* Received: 'mse'"):
        fit(spec_of(), torch_model(), pairs(), loss="mse")  # type: ignore[arg-type]
