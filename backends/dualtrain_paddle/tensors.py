"""What a Paddle layer consists of: its parameters, for the ledger, under canonical names.

In paddlenlp's BERT, ERNIE and RoBERTa encoders the canonical names are those of transformers, by
the table below; everywhere else they are the layer's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from paddle import nn

from dualtrain.ledger import Parameter, kind_of
from dualtrain.model import NamedTensor

__all__ = ["FROZEN", "named_tensors", "parameters"]

FROZEN: str = "dualtrain_frozen"
"""The attribute that marks a parameter which a spec froze, and another spec may thaw."""

_ENCODERS = {
    "paddlenlp.transformers.bert.modeling.BertModel",
    "paddlenlp.transformers.ernie.modeling.ErnieModel",
    "paddlenlp.transformers.roberta.modeling.RobertaModel",
}
"""The classes that _RENAMED is about; as text, since importing paddlenlp to ask takes 3 s."""

_RENAMED = (
    (".embeddings.layer_norm.", ".embeddings.LayerNorm."),
    (".encoder.layers.", ".encoder.layer."),
    (".self_attn.q_proj.", ".attention.self.query."),
    (".self_attn.k_proj.", ".attention.self.key."),
    (".self_attn.v_proj.", ".attention.self.value."),
    (".self_attn.out_proj.", ".attention.output.dense."),
    (".norm1.", ".attention.output.LayerNorm."),
    (".linear1.", ".intermediate.dense."),
    (".linear2.", ".output.dense."),
    (".norm2.", ".output.LayerNorm."),
)
"""paddlenlp's part of a name -> transformers'."""

_STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}
"""Paddle's running statistics -> torch's."""


def parameters(model: nn.Layer) -> list[Parameter]:
    """Every parameter of the model once, a tied one under the first of its names.

    Running statistics are none; Paddle lists them as parameters, torch as buffers.
    """
    return [
        Parameter(
            name=found.name,
            structured=found.structured,
            native=found.tensor.name,
            shape=found.shape,
            kind=kind_of(type(found.owner)),
            trainable=not found.tensor.stop_gradient or getattr(found.tensor, FROZEN, False),
        )
        for found in named_tensors(model)
        if found.is_parameter
    ]


def named_tensors(model: nn.Layer) -> Iterator[NamedTensor]:
    """Parameters and running statistics, each once, in the order of the layers."""
    seen: set[int] = set()
    encoders: list[str] = []
    for path, layer in model.named_sublayers(include_self=True):
        if _is_encoder(layer):
            encoders.append(path)
        for structured, tensor in layer.named_parameters(prefix=path, include_sublayers=False):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            head, dot, attribute = structured.rpartition(".")
            is_statistic = attribute in _STATISTICS and kind_of(type(layer)) == "norm"
            name = head + dot + _STATISTICS[attribute] if is_statistic else structured
            is_transposed = isinstance(layer, nn.Linear) and attribute == "weight"
            shape = tuple(tensor.shape)
            yield NamedTensor(
                name=_canonical(name, encoders),
                structured=structured,
                owner=layer,
                tensor=tensor,
                shape=shape[::-1] if is_transposed else shape,
                is_parameter=not is_statistic,
                is_transposed=is_transposed,
            )


def _is_encoder(layer: nn.Layer) -> bool:
    bases = type(layer).__mro__
    return any(f"{base.__module__}.{base.__qualname__}" in _ENCODERS for base in bases)


def _canonical(name: str, encoders: list[str]) -> str:
    for path in encoders:
        start = f"{path}." if path else ""
        if name.startswith(start):
            inner = f".{name.removeprefix(start)}"
            for theirs, canonical in _RENAMED:
                inner = inner.replace(theirs, canonical)
            return start + inner.removeprefix(".")
    return name
