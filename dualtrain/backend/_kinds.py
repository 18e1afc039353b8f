"""What a framework's modules are: by their class, by what they hold, and by trial."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from dualtrain.backend._named import type_of
from dualtrain.ledger import Kind, NativeLayers, Owner, kind_of, normalises, undisturbed

__all__ = ["Kinds"]


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """The kinds of a framework's modules, each tried at most once."""

    native: NativeLayers
    """What the framework's own layers are."""
    base: type
    """The class that all modules derive from."""
    aside: Callable[[], AbstractContextManager[Any]]
    """A context in which no generator, name or autocast of the framework moves or acts."""
    plain: Callable[[Any], Any]
    """A copy of a module -> the same on the CPU, in float32."""
    fill: Callable[[Any, NDArray[np.float32]], Any]
    """Writes an array into a parameter."""
    tensor: Callable[[NDArray[np.float32]], Any]
    _tried: WeakKeyDictionary[Any, bool | None] = field(default_factory=WeakKeyDictionary)

    def kind_in(
        self, module: Any, attribute: str, further: Mapping[str, tuple[int, ...]] | None = None
    ) -> Kind:
        """What a module is as the owner of one of its parameters.

        further: shapes of attributes that are not among the module's own parameters.
        """
        own = {name: tuple(p.shape) for name, p in module._parameters.items() if p is not None}
        inner = (p for child in module.children() for p in child.parameters())
        bases = [base for base in type(module).__mro__ if base not in (self.base, object)]
        owner = Owner(
            names=tuple(base.__name__ for base in bases),
            native=self.native.kind(type(module)),
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
            with undisturbed(), self.aside():
                self._tried[module] = self._try(module)
        return self._tried[module]

    def _try(self, module: Any) -> bool | None:
        try:
            copied = self.plain(copy.deepcopy(module))
        except Exception:  # whatever a module of the user's own may hold
            return None
        if any(type_of(parameter) != "float32" for parameter in copied.parameters()):
            return None  # complex numbers stay such
        features = 6  # where it has one number for all of them
        for parameter in copied.parameters():
            size = math.prod(parameter.shape)
            ramp = np.linspace(1.0, 1.5, size, dtype=np.float32)  # its own may be 0, and hide
            self.fill(parameter, ramp.reshape(tuple(parameter.shape)))  # the input
            features = size if size > 1 else features

        def run(array: NDArray[np.float32], training: bool) -> NDArray[np.float32]:
            if training:
                copied.train()
            else:
                copied.eval()
            output: NDArray[np.float32] = copied.forward(self.tensor(array)).numpy()
            return output

        return normalises(run, features)
