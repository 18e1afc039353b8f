"""What timm's makers of optimizers, schedules and scalers do, told in Python and read like it."""

from __future__ import annotations

from dualtrain.reading._machine import Event, Model
from dualtrain.reading._told import models
from dualtrain.reading._values import ListValue, Value

__all__ = ["MODELS"]

TOLD = """
import timm
import torch


def optimizer_kwargs(cfg):
    given = {"eps": getattr(cfg, "opt_eps", None), "betas": getattr(cfg, "opt_betas", None),
             "layer_decay": getattr(cfg, "layer_decay", None)}
    words = {name: one for name, one in given.items() if one is not None}
    return dict(opt=cfg.opt, lr=cfg.lr, weight_decay=cfg.weight_decay,
                momentum=getattr(cfg, "momentum", 0.9), **words)


def create_optimizer(args, model, filter_bias_and_bn=True, listed=None):
    return create_optimizer_v2(
        model, filter_bias_and_bn=filter_bias_and_bn, listed=listed, **optimizer_kwargs(args))


def create_optimizer_v2(model_or_params, opt="sgd", lr=None, weight_decay=0.0, momentum=0.9,
                        foreach=None, filter_bias_and_bn=True, layer_decay=None,
                        param_group_fn=None, listed=None, **words):
    if lr is not None:
        words["lr"] = lr
    words["weight_decay"] = weight_decay
    if listed is not None:
        params = listed
    elif param_group_fn is not None:
        params = param_group_fn(model_or_params)
    elif layer_decay is not None:
        params = timm.optim.param_groups_layer_decay(model_or_params, weight_decay)
    elif filter_bias_and_bn and weight_decay:
        kept = {}
        if hasattr(model_or_params, "no_weight_decay"):
            kept = model_or_params.no_weight_decay()
        named = [(n, p) for n, p in model_or_params.named_parameters() if p.requires_grad]
        plain = [p for n, p in named if p.ndim <= 1 or n.endswith(".bias") or n in kept]
        rest = [p for n, p in named if not (p.ndim <= 1 or n.endswith(".bias") or n in kept)]
        words["weight_decay"] = 0.0
        params = [{"params": plain, "weight_decay": 0.0},
                  {"params": rest, "weight_decay": weight_decay}]
    else:
        params = model_or_params.parameters()
    name = opt.lower()
    if name in ("sgd", "nesterov", "momentum"):
        words.pop("eps", None)
        return torch.optim.SGD(params, momentum=momentum, nesterov=name != "momentum", **words)
    if name == "adam":
        return torch.optim.Adam(params, **words)
    if name == "adamw":
        return torch.optim.AdamW(params, **words)
    if name == "adamax":
        return torch.optim.Adamax(params, **words)
    if name == "rmsprop":
        return torch.optim.RMSprop(params, alpha=0.9, momentum=momentum, **words)
    return timm.optim.another(params, **words)


def create_scheduler(args, optimizer):
    epochs, name = args.epochs, args.sched
    rise = dict(warmup_t=args.warmup_epochs, warmup_lr_init=args.warmup_lr)
    if getattr(args, "lr_noise", None) is not None:
        made = timm.scheduler.Noise(optimizer, **rise)
    elif name == "cosine":
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
        made = timm.scheduler.Another(optimizer, **rise)
    return made, epochs + getattr(args, "cooldown_epochs", 0)


class NativeScaler:
    def __init__(self):
        self._scaler = torch.cuda.amp.GradScaler()

    def __call__(self, loss, optimizer, clip_grad=None, clip_mode="norm", parameters=None,
                 create_graph=False, need_update=True):
        self._scaler.scale(loss).backward(create_graph=create_graph)
        if not need_update:
            return
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

MODEL = {"create_optimizer": (1, "model"), "create_optimizer_v2": (0, "model_or_params")}
"""Where each maker of optimizers takes the model, for which it may be given parameters."""


def _listed(event: Event) -> dict[str, Value]:
    at, name = MODEL.get(event.name, (0, ""))
    model = event.kwargs.get(name, event.args[at] if len(event.args) > at else None)
    return {"listed": model} if name and isinstance(model, ListValue) else {}


MODELS: dict[str, Model] = models(TOLD, NAMES, PLACES, _listed)
