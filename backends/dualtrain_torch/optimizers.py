"""The native optimizer of each update rule, and three of our own where torch's rule is another.

The rules are in `dualtrain.spec`. Own are LAMB, which torch has not, and RMSProp and Adamax, whose
eps torch puts elsewhere; they have the settings, groups and state of a native one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from dualtrain import optimizers as spec
from dualtrain_torch._compat import supports_fused
from dualtrain_torch.clip import norm

__all__ = ["Adamax", "Lamb", "RMSProp", "native_optimizer"]

Group = dict[str, Any]


def native_optimizer(settings: spec.Optimizer, groups: Sequence[Group]) -> Any:
    """The optimizer over parameter groups that bring their own `lr` and `weight_decay`."""
    made, lr = list(groups), settings.lr
    fused = supports_fused([p for group in made for p in group["params"]])
    match settings:
        case spec.SGD():
            return torch.optim.SGD(made, lr=lr)
        case spec.Momentum(momentum=momentum, nesterov=nesterov):
            return torch.optim.SGD(made, lr=lr, momentum=momentum, nesterov=nesterov)
        case spec.Adam(betas=betas, eps=eps, amsgrad=amsgrad):
            return torch.optim.Adam(made, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad, fused=fused)
        case spec.AdamW(betas=betas, eps=eps, amsgrad=amsgrad):
            return torch.optim.AdamW(
                made, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad, fused=fused
            )
        case spec.Lamb(betas=betas, eps=eps):
            return Lamb(made, lr=lr, betas=betas, eps=eps)
        case spec.Adagrad(eps=eps, initial_accumulator=start):
            return torch.optim.Adagrad(made, lr=lr, eps=eps, initial_accumulator_value=start)
        case spec.Adadelta(rho=rho, eps=eps):
            return torch.optim.Adadelta(made, lr=lr, rho=rho, eps=eps)
        case spec.Adamax(betas=betas, eps=eps):
            return Adamax(made, lr=lr, betas=betas, eps=eps)
        case spec.NAdam(betas=betas, eps=eps, momentum_decay=decay):
            return torch.optim.NAdam(made, lr=lr, betas=betas, eps=eps, momentum_decay=decay)
        case spec.RAdam(betas=betas, eps=eps):
            return torch.optim.RAdam(made, lr=lr, betas=betas, eps=eps)
        case spec.RMSProp(rho=rho, eps=eps, momentum=momentum, centered=centered):
            return RMSProp(made, lr=lr, rho=rho, eps=eps, momentum=momentum, centered=centered)
        case spec.Rprop(etas=etas, step_sizes=sizes):
            return torch.optim.Rprop(made, lr=lr, etas=etas, step_sizes=sizes)


class _Own(Optimizer):
    """An update rule, parameter by parameter."""

    decoupled = False

    def __init__(self, params: Any, **settings: Any) -> None:
        super().__init__(params, {"weight_decay": 0.0, **settings})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; `closure`, if given, computes the loss again."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g, state = p.grad, self.state[p]
                if not state:
                    state["step"] = torch.tensor(0.0)
                state["step"] += 1
                if group["weight_decay"] and not self.decoupled:
                    g = g.add(p, alpha=group["weight_decay"])
                self._update(p, g, group, state)
        return loss

    def _update(self, p: Any, g: Any, group: Group, state: Group) -> None:
        raise NotImplementedError


def _kept(state: Group, name: str, like: Any) -> Any:
    """The state `name`, at first 0."""
    if name not in state:
        state[name] = torch.zeros_like(like)
    return state[name]


def _average(state: Group, name: str, rate: float, value: Any) -> Any:
    """The moving average `name`: rate x itself + (1 - rate) x value."""
    return _kept(state, name, value).mul_(rate).add_(value, alpha=1 - rate)


class Lamb(_Own):
    """`dualtrain.spec.Lamb`: as Paddle's, no trust ratio where there is no weight decay."""

    decoupled = True

    def _update(self, p: Any, g: Any, group: Group, state: Group) -> None:
        (b1, b2), k, decay = group["betas"], state["step"].item(), group["weight_decay"]
        m, v = _average(state, "exp_avg", b1, g), _average(state, "exp_avg_sq", b2, g * g)
        r = (m / (1 - b1**k)).div_((v / (1 - b2**k)).sqrt_().add_(group["eps"]))
        if not decay:
            p.sub_(r, alpha=group["lr"])
            return
        r.add_(p, alpha=decay)
        of_w, of_r = norm(p), norm(r)
        ratio = torch.where((of_w > 0) & (of_r > 0), of_w / of_r, 1.0)
        p.sub_(r.mul_(ratio * group["lr"]))


class Adamax(_Own):
    """`dualtrain.spec.Adamax`: eps where Paddle has it."""

    def _update(self, p: Any, g: Any, group: Group, state: Group) -> None:
        (b1, b2), k = group["betas"], state["step"].item()
        m = _average(state, "exp_avg", b1, g)
        u = _kept(state, "exp_inf", g).mul_(b2).add_(group["eps"])
        torch.maximum(g.abs(), u, out=u)
        p.addcdiv_(m, u, value=-group["lr"] / (1 - b1**k))


class RMSProp(_Own):
    """`dualtrain.spec.RMSProp`: eps inside the root and the rate inside the buffer, as Paddle."""

    def _update(self, p: Any, g: Any, group: Group, state: Group) -> None:
        v = _average(state, "square_avg", group["rho"], g * g)
        if group["centered"]:
            mean = _average(state, "grad_avg", group["rho"], g)
            v = v.addcmul(mean, mean, value=-1)
        root = (v + group["eps"]).sqrt_()
        b = _kept(state, "momentum_buffer", g).mul_(group["momentum"])
        p.sub_(b.addcdiv_(g, root, value=group["lr"]))
