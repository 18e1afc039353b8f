"""What timm's makers of optimizers, schedules and loss scalers do, told in Python and read like it."""

from __future__ import annotations

import ast

from dualtrain.reading import _calls, _statements
from dualtrain.reading._machine import Event, Frame, Machine, Model
from dualtrain.reading._values import Module, Value

__all__ = ["MODELS"]

TOLD = """
import torch
import timm


def create_optimizer(args, model, filter_bias_and_bn=True):
    words = optimizer_kwargs(args)
    return create_optimizer_v2(model, filter_bias_and_bn=filter_bias_and_bn, **words)


def optimizer_kwargs(cfg):
    words = {"opt": cfg.opt, "lr": cfg.lr, "weight_decay": cfg.weight_decay}
    words["momentum"] = getattr(cfg, "momentum", 0.9)
    if getattr(cfg, "opt_eps", None) is not None:
        words["eps"] = cfg.opt_eps
    if getattr(cfg, "opt_betas", None) is not None:
        words["betas"] = cfg.opt_betas
    if getattr(cfg, "layer_decay", None) is not None:
        words["layer_decay"] = cfg.layer_decay
    return words


def create_optimizer_v2(model_or_params, opt="sgd", lr=None, weight_decay=0.0, momentum=0.9,
                        foreach=None, filter_bias_and_bn=True, layer_decay=None,
                        param_group_fn=None, **words):
    words["weight_decay"] = weight_decay
    if lr is not None:
        words["lr"] = lr
    if param_group_fn is not None:
        parameters = param_group_fn(model_or_params)
    elif layer_decay is not None:
        parameters = timm.optim.param_groups_layer_decay(model_or_params, weight_decay)
    elif weight_decay and filter_bias_and_bn:
        decays, others, kept = [], [], {}
        if hasattr(model_or_params, "no_weight_decay"):
            kept = model_or_params.no_weight_decay()
        for name, param in model_or_params.named_parameters():
            if not param.requires_grad:
                continue
            if param.ndim <= 1 or name.endswith(".bias") or name in kept:
                others.append(param)
            else:
                decays.append(param)
        parameters = [{"params": others, "weight_decay": 0.0},
                      {"params": decays, "weight_decay": weight_decay}]
        words["weight_decay"] = 0.0
    else:
        parameters = model_or_params.parameters()
    name = opt.lower().split("_")[-1]
    if name in ("sgd", "nesterov"):
        words.pop("eps", None)
        return torch.optim.SGD(parameters, momentum=momentum, nesterov=True, **words)
    if name == "momentum":
        words.pop("eps", None)
        return torch.optim.SGD(parameters, momentum=momentum, nesterov=False, **words)
    if name == "adam":
        return torch.optim.Adam(parameters, **words)
    if name == "adamw":
        return torch.optim.AdamW(parameters, **words)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, alpha=0.9, momentum=momentum, **words)
    return timm.optim.another(parameters, **words)


def create_scheduler(args, optimizer):
    epochs, name = args.epochs, args.sched
    rise = {"warmup_t": args.warmup_epochs, "warmup_lr_init": args.warmup_lr}
    if name == "cosine":
        made = timm.scheduler.CosineLRScheduler(
            optimizer, t_initial=epochs, lr_min=args.min_lr, cycle_limit=1, **rise)
    elif name == "step":
        made = timm.scheduler.StepLRScheduler(
            optimizer, decay_t=args.decay_epochs, decay_rate=args.decay_rate, **rise)
    elif name == "multistep":
        made = timm.scheduler.MultiStepLRScheduler(
            optimizer, decay_t=args.decay_milestones, decay_rate=args.decay_rate, **rise)
    elif name == "poly":
        made = timm.scheduler.PolyLRScheduler(
            optimizer, t_initial=epochs, power=args.decay_rate, lr_min=args.min_lr, **rise)
    else:
        made = timm.scheduler.another(optimizer, **rise)
    return made, epochs + getattr(args, "cooldown_epochs", 0)


class NativeScaler:
    def __init__(self):
        self._scaler = torch.cuda.amp.GradScaler()

    def __call__(self, loss, optimizer, clip_grad=None, clip_mode="norm", parameters=None,
                 create_graph=False, need_update=True):
        self._scaler.scale(loss).backward(create_graph=create_graph)
        if need_update:
            if clip_grad is not None:
                self._scaler.unscale_(optimizer)
                if clip_mode == "norm":
                    torch.nn.utils.clip_grad_norm_(parameters, clip_grad)
                elif clip_mode == "value":
                    torch.nn.utils.clip_grad_value_(parameters, clip_grad)
                else:
                    timm.utils.adaptive_clip_grad(parameters, clip_grad)
            self._scaler.step(optimizer)
            self._scaler.update()
"""
"""With the words that timm 0.3 to 1.0 take; what each of them does beyond is not read."""

NAMES = (
    *("create_optimizer", "create_optimizer_v2", "optimizer_kwargs"),
    *("create_scheduler", "NativeScaler"),
)
PLACES = (
    *("timm.optim", "timm.optim.optim_factory", "timm.scheduler"),
    *("timm.scheduler.scheduler_factory", "timm.utils", "timm.utils.cuda"),
)


def _called(machine: Machine, event: Event) -> Value:
    """What the function gives that has this event's name, as if it stood where it is called."""
    tree = ast.parse(TOLD)
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = event.place.line
    module = Module("timm", event.place.file)
    _statements.block(machine, tree.body, Frame(module.cells, module))
    made = module.cells[event.name]
    return _calls.call(machine, made, list(event.args), dict(event.kwargs), event.place)


MODELS: dict[str, Model] = {f"{place}.{name}": _called for place in PLACES for name in NAMES}
