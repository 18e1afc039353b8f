"""What a loader draws its order from, where that is a generator of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from dualtrain.state import Arrays

__all__ = ["generators_of", "is_kept", "set_states", "states_of"]


def generators_of(loader: Any) -> tuple[Any, ...]:
    """Those of a DataLoader and its samplers, each once; none of what has none, as a list."""
    return tuple({id(one): one for one in _found(loader)}.values())


def _found(loader: Any) -> Iterator[Any]:
    batches = getattr(loader, "batch_sampler", None)
    samplers = (getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None))
    for place in (loader, *samplers):
        if (generator := getattr(place, "generator", None)) is not None:
            yield generator


def is_kept(generator: Any) -> bool:
    """Whether its state can be read and set, as that of a `torch.Generator`."""
    return hasattr(generator, "get_state") and hasattr(generator.get_state(), "numpy")


def states_of(generators: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """The states of now of those that can be kept."""
    return {
        str(number): generator.get_state().numpy().copy()
        for number, generator in enumerate(generators)
        if is_kept(generator)
    }


def set_states(generators: Sequence[Any], states: Arrays) -> None:
    """Go on from states that `states_of` gave, where they are there."""
    for number, generator in enumerate(generators):
        if is_kept(generator) and str(number) in states:
            state = generator.get_state()
            state.numpy()[:] = states[str(number)]  # the tensor's own memory
            generator.set_state(state)
