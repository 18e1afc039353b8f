"""A small recipe without each hazard, and the change of a line or two that brings it in."""

from __future__ import annotations

from dataclasses import dataclass

from tests.core.recipes.vision import test_classification as classification
from tests.core.recipes.vision import test_detection as detection
from tests.core.recipes.vision import test_text as text

__all__ = ["CASES", "TORCH", "Case"]

TORCH = """\
import argparse
import torch
from torch.optim.lr_scheduler import LambdaLR, StepLR
from torch.utils.data import DataLoader
from transformers import get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=3e-5)
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--accumulate", type=int, default=2)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
torch.manual_seed(args.seed)
model = build()
loader = DataLoader(train, batch_size=args.batch_size)
others = DataLoader(dev, batch_size=args.batch_size)
total = len(loader) * args.epochs
named = list(model.named_parameters())
no_decay = ["bias", "LayerNorm.weight"]
optimizer = torch.optim.AdamW(
    [
        {"params": [p for n, p in named if not any(d in n for d in no_decay)], "weight_decay": 0.1},
        {"params": [p for n, p in named if any(d in n for d in no_decay)], "weight_decay": 0.0},
    ],
    lr=args.lr,
)
schedule = get_linear_schedule_with_warmup(optimizer, 100, total)
done = 0
for epoch in range(args.epochs):
    for step, batch in enumerate(loader):
        loss = model(batch) / args.accumulate
        loss.backward()
        if (step + 1) % args.accumulate == 0 or step + 1 == len(loader):
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done += 1
"""
LIMIT = 'parser.add_argument("--max_steps", type=int, default=500)'
GATE = 'parser.add_argument("--scheduled", action="store_true")'
LAST = " or step + 1 == len(loader)"

SCALED = TORCH.replace("done = 0", "scaler = torch.cuda.amp.GradScaler()\ndone = 0")
SCALED = SCALED.replace("loss.backward()", "scaler.scale(loss).backward()")
SCALED = SCALED.replace("optimizer.step()", "scaler.step(optimizer)\n            scaler.update()")
UNSCALE = "            scaler.unscale_(optimizer)\n"
CLIP = "            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
SCALED = SCALED.replace(CLIP, UNSCALE + CLIP)

PADDLE = """\
import paddle
from paddle.optimizer.lr import CosineAnnealingDecay, LinearWarmup, LRScheduler, PiecewiseDecay
from paddlenlp.transformers import LinearDecayWithWarmup

epochs, lr = 3, 5e-5
model = paddle.nn.Linear(2, 2)
loader = paddle.io.DataLoader(data(), batch_size=8)
total = len(loader) * epochs
schedule = LinearDecayWithWarmup(lr, total, 0.1)
names = [p.name for n, p in model.named_parameters() if not any(d in n for d in ["bias", "norm"])]
clip = paddle.nn.ClipGradByGlobalNorm(1.0)
optimizer = paddle.optimizer.AdamW(
    learning_rate=schedule,
    parameters=model.parameters(),
    weight_decay=0.01,
    apply_decay_param_fun=lambda name: name in names,
    grad_clip=clip,
)
scaler = paddle.amp.GradScaler()
for epoch in range(epochs):
    for batch in loader:
        with paddle.amp.auto_cast():
            loss = model(batch).mean()
        scaled = scaler.scale(loss)
        scaled.backward()
        scaler.minimize(optimizer, scaled)
        schedule.step()
        optimizer.clear_grad()
"""
BUILT = "LinearDecayWithWarmup(lr, total, 0.1)"
OWN = """
class LinearDecayWithWarmup(LRScheduler):
    def __init__(self, learning_rate, total, warmup):
        self.total = total
        super().__init__(learning_rate)

    def get_lr(self):
        return self.base_lr * (1 - self.last_epoch / self.total) ** 2.5

epochs, lr"""

TRAINER = """\
from paddlenlp.trainer import PdArgumentParser, Trainer, TrainingArguments

args = PdArgumentParser((TrainingArguments,)).parse_args_into_dataclasses()[0]
trainer = Trainer(model=model(), args=args, train_dataset=data())
trainer.train()
"""
WRAPPED = "def train():\n" + "".join(f"    {one}\n" for one in TORCH.splitlines()) + "\ntrain()\n"
"""A script whose loop is in a function that is called."""


@dataclass(frozen=True)
class Case:
    """The hazard is in the changed recipe and not in the other."""

    code: str
    recipe: str
    changes: tuple[tuple[str, str], ...]
    run: str | None = None
    """The command of the changed one."""
    source: str = ""
    """The shell script that has the command of the changed one."""

    @property
    def changed(self) -> str:
        """The recipe with the hazard."""
        text = self.recipe
        for was, now in self.changes:
            assert was in text, f"{self.code}: {was!r} is not in the recipe"
            text = text.replace(was, now)
        return text


def torch(code: str, *changes: tuple[str, str]) -> Case:
    return Case(code, TORCH, changes)


def scaled(code: str, *changes: tuple[str, str]) -> Case:
    return Case(code, SCALED, changes)


def paddle(code: str, *changes: tuple[str, str]) -> Case:
    return Case(code, PADDLE, changes)


CASES = [
    torch("sched_never_stepped", ("            schedule.step()\n", "")),
    torch("sched_flag_gated", ("args = ", GATE + "\nargs = "),
          ("schedule.step()", "if args.scheduled:\n"
                               "                schedule.step()")),
    paddle("sched_not_attached", ("learning_rate=schedule", "learning_rate=lr")),
    torch("sched_before_optimizer",
          ("optimizer.step()\n            schedule.step()",
           "schedule.step()\n            optimizer.step()")),
    torch("sched_per_micro_batch", ("            schedule.step()\n", ""),
          ("        loss = model", "        schedule.step()\n        loss = model")),
    paddle("sched_last_epoch_offset", (BUILT, BUILT[:-1] + ", last_epoch=0)")),
    paddle("sched_warmup_not_subtracted",
           (BUILT, "LinearWarmup(CosineAnnealingDecay(lr, total), 100, 0.0, lr)")),
    paddle("sched_jump_after_warmup",
           (BUILT, "LinearWarmup(CosineAnnealingDecay(lr, total - 9), 9, 0.0, 1e-3)")),
    paddle("sched_name_shadowed", ("\nepochs, lr", OWN)),
    paddle("sched_cosine_full_wave_option", ("LinearDecayWithWarmup", "CosineDecayWithWarmup")),
    torch("sched_lambda", ("get_linear_schedule_with_warmup(optimizer, 100, total)",
                           "LambdaLR(optimizer, lambda step: 0.5 ** (step // 10))")),
    torch("sched_in_loop", ("            schedule.step()\n", ""),
          ("schedule = get_linear_schedule_with_warmup(optimizer, 100, total)\n", ""),
          ("        loss = model", '        for group in optimizer.param_groups:\n'
           '            group["lr"] = args.lr * 0.5 ** epoch\n        loss = model')),
    paddle("sched_longer_than_training", (BUILT, "CosineAnnealingDecay(lr, len(loader) * 5)")),
    paddle("sched_unit_suspect", (BUILT, "PiecewiseDecay([30, 60], [0.1, 0.01, 0.001])")),
    torch("sched_other_loader", ("len(loader) * args", "len(others) * args")),
    paddle("warmup_type_decides", ("total, 0.1", "total, 1000.0")),
    torch("max_steps_not_a_stop", ("args = ", LIMIT + "\nargs = "),
          ("100, total", "100, args.max_steps")),
    torch("max_steps_not_in_schedule", ("args = ", LIMIT + "\nargs = "),
          ("done += 1\n", "done += 1\n            if done >= args.max_steps:\n"
           "                exit()\n")),
    torch("max_steps_off_by_one", ("args = ", LIMIT + "\nargs = "),
          ("done += 1\n", "done += 1\n            if 0 < args.max_steps < done:\n"
           "                exit()\n")),
    torch("lr_scaled_at_run_time", ("lr=args.lr", "lr=args.lr * args.batch_size / 256")),
    torch("accum_loss_not_divided", (" / args.accumulate", "")),
    torch("accum_off_by_one", ("(step + 1) %", "step %")),
    torch("accum_condition_bits",
          (f"(step + 1) % args.accumulate == 0{LAST}",
           "step & args.accumulate == 0 and step == len(loader)")),
    torch("accum_tail_leaks", (LAST, "")),
    torch("accum_clip_each_micro_batch",
          (CLIP, ""), ("loss.backward()\n", "loss.backward()\n" + CLIP[4:])),
    torch("grads_never_cleared", ("            optimizer.zero_grad()\n", "")),
    torch("grads_cleared_before_step", ("            optimizer.zero_grad()\n", ""),
          ("            optimizer.step()", "            optimizer.zero_grad()\n"
           "            optimizer.step()")),
    torch("grads_cleared_each_micro_batch", ("            optimizer.zero_grad()\n", ""),
          ("        loss = model", "        optimizer.zero_grad()\n        loss = model")),
    torch("many_backwards_one_step",
          ("loss.backward()\n", "loss.backward()\n        second(model, batch).backward()\n")),
    torch("adversarial_step",
          ("done = 0", "class FGM:\n    def attack(self):\n        disturb(model)\n\n"
           "fgm = FGM()\ndone = 0"),
          ("loss.backward()\n",
           "loss.backward()\n        fgm.attack()\n        model(batch).backward()\n")),
    torch("several_optimizers",
          ("done = 0", "second = torch.optim.SGD(head.parameters(), lr=0.1)\ndone = 0"),
          ("optimizer.step()", "optimizer.step()\n            second.step()")),
    scaled("clip_before_unscale", (UNSCALE, "")),
    torch("clip_per_group", (CLIP, '            for group in optimizer.param_groups:\n'
          '                torch.nn.utils.clip_grad_norm_(group["params"], 1.0)\n')),
    paddle("clip_per_tensor", ("ClipGradByGlobalNorm", "ClipGradByNorm")),
    paddle("clip_not_attached", ("grad_clip=clip", "grad_clip=None")),
    paddle("decay_internal_names", ("lambda name: name in names",
                                    'lambda name: not any(d in name for d in ["bias", "norm"])')),
    paddle("decay_never_matches", ("[p.name for", "[n for")),
    torch("decay_misses_norm", ("LayerNorm.weight", "layernorm.weight")),
    Case("decay_filter_dropped", classification.TREE,
         (("momentum: 0.9\n", "momentum: 0.9\n  one_dim_param_no_weight_decay: True\n"),)),
    Case("decay_in_model_code", text.TREE, (("Train:", "Architecture: {Backbone: "
         "{name: MobileNetV3}, Head: {name: CTCHead, fc_decay: 1.0e-4}}\nTrain:"),)),
    paddle("framework_default_decay", ("    weight_decay=0.01,\n", "")),
    torch("coupled_decay", ("optim.AdamW(", "optim.Adam("), ("lr=args.lr,",
                            "lr=args.lr, weight_decay=0.1,")),
    torch("params_lost", ("list(model.named_parameters())", "model.named_parameters()")),
    torch("param_groups", ('"weight_decay": 0.0}', '"weight_decay": 0.0, "lr": 1e-3}')),
    torch("amp_apex", ("done = 0", 'from apex import amp\nmodel, optimizer = amp.initialize(model, '
                       'optimizer, opt_level="O1")\ndone = 0')),
    scaled("amp_scaler_recreated",
           ("        loss = model",
            "        scaler = torch.cuda.amp.GradScaler()\n        loss = model")),
    paddle("amp_minimize_unscaled_loss", ("minimize(optimizer, scaled)",
                                          "minimize(optimizer, loss)")),
    torch("dead_flag", ("args = ", 'parser.add_argument("--adam_epsilon", default=1e-6)\nargs = ')),
    torch("seed_unused", ("torch.manual_seed(args.seed)\n", "")),
    torch("constants_reassigned",
          ("model = build()", "momentum = 0.9\nmomentum = 0.5\nmodel = build()")),
    Case("cli_flag_unknown", TORCH, (), run="python train.py --learning_rate 1e-4"),
    torch("decoy_values", ("done = 0", "# optimizer = torch.optim.SGD(named, lr=0.1)\ndone = 0")),
    Case("decoy_values", detection.TREE, (("steps: 1000", "steps: 1000\n    epochs: 5"),)),
    torch("constants_reassigned", ("args = ", "warmup_steps = 10\nwarmup_steps = 20\nargs = ")),
    Case("text_number_in_yaml", text.TREE, (("3.0e-05", "3e-05"),)),
    Case("yaml_tags", detection.TREE, (("- name: PiecewiseDecay\n  ", "- !PiecewiseDecay\n  "),)),
    Case("spread_over_files", TORCH, (("default=3e-5", "default=numbers.LR"),
                                      ("import argparse", "import argparse\nimport numbers_of_mine "
                                       "as numbers"))),
    torch("config_beats_cli",
          ("args = parser.parse_args()\n", "args = parser.parse_args()\n"
           'for name, value in json.load(open("task.json")).items():\n'
           "    setattr(args, name, value)\n"),
          ("import argparse", "import argparse\nimport json")),
    Case("defaults_in_shell", TORCH, (), source="run.sh"),
    torch("defaults_per_task",
          ("args = parser", 'parser.add_argument("--task", default="cola")\nargs = parser'),
          ("model = build()", 'tasks = {"cola": {"lr": 1e-5}, "sst2": {"lr": 3e-5}}\n'
           'args.lr = tasks[args.task]["lr"]\nmodel = build()')),
    torch("batch_is_effective", ("train, batch_size=args.batch_size",
                                 "train, batch_size=args.batch_size // args.accumulate")),
    torch("batch_in_tokens", ("--batch_size", "--tokens_per_batch"),
          ("args.batch_size", "args.tokens_per_batch")),
    Case("fails_with_defaults", text.TREE,
         (("  regularizer", "  weight_decay: 0.1\n  regularizer"),)),
    Case("train_not_called", WRAPPED, (("\ntrain()\n", ""),)),
    torch("endless_loop", ("for epoch in range(args.epochs):", "while True:")),
]  # fmt: skip
