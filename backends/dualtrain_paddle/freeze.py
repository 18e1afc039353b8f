"""What Paddle's layers need where they are frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import paddle
from paddle import nn
from paddle.nn.layer.rnn import RNNBase

from dualtrain_paddle.tensors import STATISTICS

__all__ = ["can_keep", "mend_frozen"]


def can_keep(module: Any) -> bool:
    """Whether running statistics stand still in evaluation mode.

    Not with `use_global_stats=False`: that normalises by the batch there too. The old
    `paddle.nn.BatchNorm` says the same by `trainable_statistics`.
    """
    if hasattr(module, "_trainable_statistics"):
        return not module._trainable_statistics
    return getattr(module, "_use_global_stats", None) is not False


def mend_frozen(model: nn.Layer) -> None:
    """See to kernels that go wrong where a parameter stands still.

    They are given stand-ins for it, in each forward pass, whoever froze it: of a LayerNorm with a
    frozen weight Paddle gives a wrong gradient of the input on the CPU, off by as much as it is
    large; of a batch normalisation or InstanceNorm with a frozen weight the bias gets none, and
    the other way round; an LSTM or GRU with a frozen parameter raises. docs/kernels.md has them
    all.
    """
    layers: list[Any] = model.sublayers(include_self=True)
    for layer in layers:
        _restore(layer)
        for hooks, hook in _hooks(layer):
            for key in [key for key, held in hooks.items() if held is hook]:
                del hooks[key]
        if any(parameter.stop_gradient for parameter in _delicate(layer)):
            layer.register_forward_pre_hook(_stand_in)
            layer.register_forward_post_hook(_restore)


def _hooks(layer: Any) -> Iterator[tuple[Any, Any]]:
    """Where Paddle keeps a layer's hooks, and ours. Their handles could not be pickled."""
    yield layer._forward_pre_hooks, _stand_in
    yield layer._forward_post_hooks, _restore


def _delicate(layer: Any) -> list[Any]:
    """Those of a layer's own parameters without whose gradient its kernel may go wrong.

    They are those of one dimension, as all of a norm's are, whatever its class is called; in a
    recurrent layer all. Linear, convolution and embedding are right, and their gradients dear.
    """
    if isinstance(layer, (nn.Linear, nn.Embedding, nn.layer.conv._ConvNd)):
        return []
    whole = isinstance(layer, RNNBase)
    own = layer._parameters.items()
    return [p for n, p in own if p is not None and n not in STATISTICS and (whole or p.ndim == 1)]


_HELD = "dualtrain_held"
"""Where a layer keeps, in a forward pass, what its attributes were that show stand-ins."""


def _stand_in(layer: Any, inputs: Any) -> None:
    """Let the forward pass see, for each parameter that stands still, one that does not.

    It shares the values, and its gradient goes nowhere. Not where nothing trains in the layer or
    below it: there no gradient is asked for, and backward passes end before what is frozen.
    """
    _restore(layer)
    delicate = _delicate(layer)
    if not (_may_train(inputs) or any(not p.stop_gradient for p in delicate)):
        return
    twins = {id(p): _twin(p) for p in delicate if p.stop_gradient}
    shown: dict[str, Any] = {
        n: twins[id(p)] for n, p in layer._parameters.items() if id(p) in twins
    }
    if "_all_weights" in layer.__dict__:  # where a recurrent layer's kernel finds them
        shown["_all_weights"] = [twins.get(id(p), p) for p in layer._all_weights]
    # Beside the parameters' own table, where names, states and copies are read.
    layer.__dict__[_HELD] = {name: layer.__dict__.get(name) for name in shown}
    layer.__dict__.update(shown)


def _restore(layer: Any, inputs: Any = None, output: Any = None) -> None:
    """Take the stand-ins away, those of a forward pass that broke off too."""
    for name, value in layer.__dict__.pop(_HELD, {}).items():
        if value is None:
            layer.__dict__.pop(name, None)
        else:
            layer.__dict__[name] = value


def _twin(parameter: Any) -> Any:
    twin = parameter.detach()
    twin.stop_gradient = False
    return twin


def _may_train(inputs: Any) -> bool:
    """Whether a gradient may be asked of one of the inputs; those by keyword a hook is not told."""
    if isinstance(inputs, (tuple, list)):
        return not inputs or any(_may_train(part) for part in inputs)
    return isinstance(inputs, paddle.Tensor) and not inputs.stop_gradient
