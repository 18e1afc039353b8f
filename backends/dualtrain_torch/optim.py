"""The native optimizer of a spec, wired by the ledger, and what it does with each parameter."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

import dualtrain_torch
from dualtrain.backend import master_of
from dualtrain.ledger import Ledger, Trial, Wiring
from dualtrain.optimizers import Optimizer
from dualtrain_torch.optimizers import native_optimizer

__all__ = ["build_optimizer", "trial"]


def build_optimizer(optimizer: Optimizer, ledger: Ledger, model: Any, *, clip: Any = None) -> Any:
    """`torch.optim.AdamW` or another over the parameters that train by the ledger.

    A parameter group for each weight decay, lr multiplier and pair of betas; the group's `lr` is
    the base rate times its multiplier, and a schedule moves every group. The first group's
    multiplier is 1; it is empty where no parameter's is. Adam and AdamW use the fused kernel where
    it takes the parameters.

    AdamW rounds the factor 1 - lr wd to float32 once; Paddle rounds lr wd first.

    clip: what `build_clip` gave, to clip inside `step()`, before coupled decay.
    """
    made = native_optimizer(optimizer, _groups(ledger, model, optimizer.lr))
    made.dualtrain_wiring = Wiring(optimizer, ledger)
    if clip is not None:
        made.register_step_pre_hook(clip)
    return made


def trial(optimizer: Any, model: Any) -> Trial:
    """One update of stand-ins by a copy of the optimizer: without its hooks, so without the clip.

    Each is in a copy of its parameter's group.
    """
    live = dict(model.named_parameters())
    names = {id(master_of(live[p.native])): p.name for p in dualtrain_torch.parameters(model)}

    def update(w: NDArray[Any], g: NDArray[Any], rate: float) -> Mapping[str, NDArray[Any]]:
        twin = copy.copy(optimizer)
        stand_ins: dict[str, Any] = {}
        twin.state, twin.param_groups = defaultdict(dict), []
        for group in optimizer.param_groups:
            held = {names[id(p)]: _stand_in(p, w, g) for p in group["params"]}
            initial = group.get("initial_lr", group["lr"]) / optimizer.defaults["lr"]
            twin.param_groups.append({**group, "params": [*held.values()], "lr": rate * initial})
            stand_ins |= held
        twin.step()
        return {n: found.detach().double().cpu().numpy() for n, found in stand_ins.items()}

    return update


def _stand_in(parameter: Any, w: NDArray[Any], g: NDArray[Any]) -> Any:
    found = torch.nn.Parameter(torch.tensor(w, dtype=parameter.dtype, device=parameter.device))
    found.grad = torch.tensor(g, dtype=parameter.dtype, device=parameter.device)
    return found


def _groups(ledger: Ledger, model: Any, lr: float) -> list[dict[str, Any]]:
    """One group for each (multiplier, decay, own betas) of what trains, multipliers of 1 first."""
    live = dict(model.named_parameters())
    members: dict[tuple[float, float, tuple[float, float] | None], list[Any]] = {}
    for row in ledger.rows:
        if row.trains:
            key = (row.lr_multiplier, row.decay, row.betas)
            members.setdefault(key, []).append(live[row.parameter.native])
    if all(rate != 1.0 for rate, _, _ in members):
        members[1.0, 0.0, None] = []
    return [
        {
            **{"params": params, "weight_decay": decay, "lr": lr * rate, "lr_multiplier": rate},
            **({} if betas is None else {"betas": betas}),
        }
        for (rate, decay, betas), params in sorted(members.items(), key=lambda m: m[0][0] != 1.0)
    ]
