"""docs/model.md has every word in which the frameworks' own classes let a model say something.

A version that adds a word fails here, so that somebody decides what becomes of it.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

import paddle
import pytest
import torch

from tests.core.test_model_page import words_of

MEASURED = {"torch": "2.13.", "paddle": "3.3."}
"""The versions whose words the page has, no more and no less."""


def arguments(cls: Any) -> set[str]:
    return {*inspect.signature(cls.__init__).parameters} - {"self", "args", "kwargs"}


def attributes(cls: Any) -> set[str]:
    """What its instances have to be read or set, but for methods and Python's own names."""
    plain = (property, types.GetSetDescriptorType)
    found = {n for n in dir(cls) if isinstance(inspect.getattr_static(cls, n), plain)}
    return {name for name in found if not name.startswith("__")}


def instance(made: Any) -> set[str]:
    return set(vars(made))


def a_torch_parameter() -> set[str]:
    parameter = torch.nn.Parameter
    return attributes(parameter) | {*inspect.signature(parameter.__new__).parameters} - {"cls"}


def a_paddle_parameter() -> set[str]:
    parameter = paddle.create_parameter([1], "float32")
    return attributes(type(parameter)) | instance(parameter)


WORDS: dict[str, Callable[[], set[str]]] = {
    "torch.nn.Parameter": a_torch_parameter,
    "torch.nn.Module": lambda: instance(torch.nn.Module()),
    "torch.nn.Linear": lambda: arguments(torch.nn.Linear),
    "torch.nn.Embedding": lambda: arguments(torch.nn.Embedding),
    "torch.nn.EmbeddingBag": lambda: arguments(torch.nn.EmbeddingBag),
    "torch.nn.LayerNorm": lambda: arguments(torch.nn.LayerNorm),
    "torch.nn.BatchNorm1d": lambda: arguments(torch.nn.BatchNorm1d),
    "torch.nn.Dropout": lambda: arguments(torch.nn.Dropout),
    "torch.optim.SGD": lambda: arguments(torch.optim.SGD),
    "torch.optim.AdamW": lambda: arguments(torch.optim.AdamW),
    "paddle.ParamAttr": lambda: arguments(paddle.ParamAttr),
    "paddle parameter": a_paddle_parameter,
    "paddle.nn.Layer": lambda: instance(paddle.nn.Layer()),
    "paddle.nn.Linear": lambda: arguments(paddle.nn.Linear),
    "paddle.nn.Embedding": lambda: arguments(paddle.nn.Embedding),
    "paddle.nn.LayerNorm": lambda: arguments(paddle.nn.LayerNorm),
    "paddle.nn.BatchNorm1D": lambda: arguments(paddle.nn.BatchNorm1D),
    "paddle.nn.BatchNorm": lambda: arguments(paddle.nn.BatchNorm),
    "paddle.nn.Dropout": lambda: arguments(paddle.nn.Dropout),
    "paddle.optimizer.Momentum": lambda: arguments(paddle.optimizer.Momentum),
    "paddle.optimizer.AdamW": lambda: arguments(paddle.optimizer.AdamW),
}


@pytest.mark.parametrize("source", WORDS)
def test_every_word_of_a_class_is_on_the_page(source: str) -> None:
    missing = WORDS[source]() - words_of(source)
    assert not missing, f"docs/model.md does not say what becomes of {source}: {sorted(missing)}"


@pytest.mark.parametrize("source", WORDS)
def test_the_page_has_no_word_that_a_class_lacks(source: str) -> None:
    framework = source.partition(".")[0].partition(" ")[0]
    version = {"torch": torch.__version__, "paddle": paddle.__version__}[framework]
    if not str(version).startswith(MEASURED[framework]):
        pytest.skip(f"the page was measured with {MEASURED[framework]}")
    extra = words_of(source) - WORDS[source]()
    assert not extra, f"docs/model.md has words that {source} lacks: {sorted(extra)}"


def test_a_new_word_is_found() -> None:
    class ParamAttr(paddle.ParamAttr):
        def __init__(self, momentum: float = 0.9) -> None: ...

    assert arguments(ParamAttr) - words_of("paddle.ParamAttr") == {"momentum"}
