"""Freezing a live model: parameters without gradients, and running statistics that stand still."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dualtrain.backend._named import NamedTensor
from dualtrain.backend._verbs import Verbs
from dualtrain.errors import LedgerError
from dualtrain.ledger import Ledger

__all__ = ["freeze_tensors", "is_frozen"]

_FROZEN = "dualtrain_frozen"
"""Where a module keeps the attributes of what a spec froze: copies of a parameter lose what
is written on it, those of a module do not."""
_TRAINED = "dualtrain_trained_before"


def is_frozen(found: NamedTensor) -> bool:
    """Whether a spec holds the parameter still that the model itself would let train."""
    return _attribute(found) in getattr(found.owner, _FROZEN, ())


def freeze_tensors(verbs: Verbs, model: Any, ledger: Ledger) -> None:
    """Let the parameters have gradients, or not, as the ledger says.

    Those that an earlier call froze and this ledger does not are thawed. What the model held still
    before stays so.

    With `batch_stats: keep` a layer whose parameters all stand still goes into evaluation mode
    before each of its forward passes, also after `model.train()`: Paddle's `train()` sets its
    layers' flags directly, so a hook is what both frameworks heed.

    Raises `LedgerError`, before anything is changed, for a layer that cannot keep them.
    """
    tensors = list(verbs.named_tensors(model))
    keepers = _keepers(tensors, ledger)
    for owner in keepers:
        if not verbs.can_keep(owner):
            raise LedgerError(
                "freeze.batch_stats: 'keep' needs layers whose statistics stand still in "
                "evaluation mode: build them without use_global_stats=False. Received: a "
                f"{type(owner).__name__} with it"
            )
    live = {f.name: f for f in tensors}
    for row in ledger.rows:
        f = live[row.parameter.name]
        if row.frozen or is_frozen(f):
            verbs.set_trains(f.tensor, row.trains)
            _mark(f, row.frozen and row.parameter.trainable)
    for f in tensors:
        # Both frameworks keep hooks under this name. Paddle's handles could not be pickled, and
        # in a copied model they would take the hook from the original.
        hooks = f.owner._forward_pre_hooks
        for key in [key for key, hook in hooks.items() if hook is _evaluate]:
            del hooks[key]
        if hasattr(f.owner, _TRAINED):  # or the mode would pass for the user's own choice
            f.owner.training = True
            delattr(f.owner, _TRAINED)
    for owner in keepers:
        owner.register_forward_pre_hook(_evaluate)


def _attribute(entry: NamedTensor) -> str:
    return entry.structured.rpartition(".")[2]


def _mark(entry: NamedTensor, frozen: bool) -> None:
    marks = {*getattr(entry.owner, _FROZEN, ())} - {_attribute(entry)}
    if frozen:
        marks.add(_attribute(entry))
    if marks:
        setattr(entry.owner, _FROZEN, tuple(sorted(marks)))
    elif hasattr(entry.owner, _FROZEN):
        delattr(entry.owner, _FROZEN)


def _evaluate(module: Any, inputs: Any) -> None:
    if module.training:
        setattr(module, _TRAINED, True)
        module.eval()


def _keepers(tensors: Iterable[NamedTensor], ledger: Ledger) -> list[Any]:
    """The modules whose running statistics stand still, by the spec's `freeze.batch_stats: keep`.

    They are those that have statistics, and parameters that all stand still; one without
    parameters has none that could be frozen, so its statistics go on. None with `train`.
    """
    if ledger.batch_stats == "train":
        return []
    trains = {row.parameter.name: row.trains for row in ledger.rows}
    owners: dict[int, Any] = {}
    has_statistics: set[int] = set()
    its_parameters: dict[int, list[bool]] = {}
    for found in tensors:
        key = id(found.owner)
        owners[key] = found.owner
        if found.is_parameter:
            its_parameters.setdefault(key, []).append(trains[found.name])
        else:
            has_statistics.add(key)
    return [
        owner
        for key, owner in owners.items()
        if key in has_statistics and key in its_parameters and not any(its_parameters[key])
    ]
