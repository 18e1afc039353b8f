"""What a framework's modules are: by their class, by what they hold, and by trial."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._named import type_of
from dualtrain.ledger import Kind, Native, Owner, kind_of, normalises, undisturbed

__all__ = ["Kinds"]


class Kinds:
    """The kinds of a framework's modules, each tried at most once.

    native: what the framework's own layers are. base: the class that all modules derive from.
    aside: a context in which no generator, name or autocast of the framework moves or acts.
    plain: the copy of a module on the CPU, in float32.
    fill: writes an array into a parameter. tensor: makes one of an array.
    """

    def __init__(
        self,
        native: Native,
        *,
        base: type,
        aside: Callable[[], AbstractContextManager[Any]],
        plain: Callable[[Any], Any],
        fill: Callable[[Any, NDArray[np.float32]], Any],
        tensor: Callable[[NDArray[np.float32]], Any],
    ) -> None:
        self._native, self._base, self._aside = native, base, aside
        self._plain, self._fill, self._tensor = plain, fill, tensor
        self._tried: WeakKeyDictionary[Any, bool | None] = WeakKeyDictionary()

    def kind_in(
        self, module: Any, attribute: str, further: Mapping[str, tuple[int, ...]] | None = None
    ) -> Kind:
        """What a module is as the owner of one of its parameters.

        further: shapes of attributes that are not among the module's own parameters.
        """
        own = {name: tuple(p.shape) for name, p in module._parameters.items() if p is not None}
        inner = (p for child in module.children() for p in child.parameters())
        bases = [base for base in type(module).__mro__ if base not in (self._base, object)]
        owner = Owner(
            names=tuple(base.__name__ for base in bases),
            native=self._native.kind(type(module)),
            own={**(further or {}), **own},
            is_leaf=next(inner, None) is None,
            normalises=lambda: self._normalises(module),
        )
        return kind_of(attribute, owner)

    def _normalises(self, module: Any) -> bool | None:
        """Whether it does, in training or in evaluation mode, by a copy of it: see `normalises`.

        Neither the module, its buffers, hooks and mode nor any generator notices.
        """
        if module not in self._tried:
            with undisturbed(), self._aside():
                self._tried[module] = self._try(module)
        return self._tried[module]

    def _try(self, module: Any) -> bool | None:
        try:
            copied = self._plain(copy.deepcopy(module))
        except Exception:  # whatever a module of the user's own may hold
            return None
        if any(type_of(parameter) != "float32" for parameter in copied.parameters()):
            return None  # complex numbers stay such
        features = 6  # where it has one number for all of them
        for parameter in copied.parameters():
            size = math.prod(parameter.shape)
            ramp = np.linspace(1.0, 1.5, size, dtype=np.float32)  # its own may be 0, and hide
            self._fill(parameter, ramp.reshape(tuple(parameter.shape)))  # the input
            features = size if size > 1 else features

        def run(array: NDArray[np.float32], training: bool) -> NDArray[np.float32]:
            if training:
                copied.train()
            else:
                copied.eval()
            output: NDArray[np.float32] = copied.forward(self._tensor(array)).numpy()
            return output

        return normalises(run, features)
