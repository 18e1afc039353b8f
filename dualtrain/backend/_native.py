"""What the core asks of native objects themselves, where the frameworks spell it alike.

`tests/meta/test_protocol.py` reads the core for it.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["NativeModel", "NativeOptimizer", "NativeSchedule", "NativeTensor"]


class NativeTensor(Protocol):
    """A tensor: a parameter, a loss, logits, labels, a number on the device."""

    shape: Any
    dtype: Any
    """Whose text ends in the type's neutral name, such as float32."""
    grad: Any
    """None, or the sum of what backward passes have left."""
    is_leaf: bool
    """Whether it was computed from nothing that trains."""
    backward: Any
    """`()`: adds its gradients to those of the parameters that it was computed from."""
    detach: Any
    clone: Any
    sum: Any
    numpy: Any
    """`()`: an array of its own type, of a detached tensor on the CPU."""
    is_floating_point: Any
    is_complex: Any


class NativeModel(Protocol):
    """A model, or a module of one; it is called with a batch's tensors by keyword."""

    training: bool
    """Its mode."""
    train: Any
    """`()`: training mode, for it and all inside it."""
    eval: Any
    """`()`: evaluation mode, likewise."""
    forward: Any
    """Whose signature says which of a batch's tensors it takes."""
    weight: Any
    """Of a batch norm; None where it has none; likewise:"""
    bias: Any
    children: Any
    parameters: Any
    """`()`: all, and running statistics where the framework counts them."""
    register_forward_pre_hook: Any
    """`(hook)`: called with the module and its inputs before each forward pass."""
    _forward_pre_hooks: Any
    _parameters: Any
    """Its own, by attribute; likewise:"""
    _buffers: Any


class NativeOptimizer(Protocol):
    """What `build_optimizer` makes."""

    step: Any
    """`()`: one update: clips, decays, moves."""


class NativeSchedule(Protocol):
    """What `build_schedule` makes."""

    last_epoch: int
    """The clock t; may be set back to have a rate taken anew by `step()`."""
    step: Any
    """`()`: moves to the next update and gives the optimizer its rate."""
