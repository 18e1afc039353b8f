"""Loaders that are classes of the program: what the library's class keeps of its words."""

from __future__ import annotations

from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._values import Instance, Known, Origin, Value

__all__ = ["MODELS"]

PARAMETERS = {
    "torch.utils.data.DataLoader": ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler"),
    "torch.utils.data.dataloader.DataLoader": ("dataset", "batch_size"),
    "torch.utils.data.BatchSampler": ("sampler", "batch_size", "drop_last"),
    "torch.utils.data.sampler.BatchSampler": ("sampler", "batch_size", "drop_last"),
    "paddle.io.BatchSampler": ("dataset", "sampler", "shuffle", "batch_size"),
    "paddle.io.DistributedBatchSampler": ("dataset", "batch_size"),
}
"""Their first parameters, which are attributes of the object too."""


def _kept(machine: Machine, event: Event) -> Value | None:
    made, path = event.receiver, event.path.removesuffix(".__init__")
    if not isinstance(made, Instance):
        return None
    given = {**dict(zip(PARAMETERS[path], event.args, strict=False)), **event.kwargs}
    if not {"*", "**", "batch_sampler"} & set(given):
        one = Known(1, Origin(f"library default of {path}", event.place))
        given.setdefault("batch_size", one)
    for name in ("dataset", "batch_size", "sampler", "batch_sampler"):
        if name in given and name not in made.cells:
            machine.write(made.cells, name, given[name])
    return Known(None)


MODELS: dict[str, Model] = {f"{path}.__init__": _kept for path in PARAMETERS}
