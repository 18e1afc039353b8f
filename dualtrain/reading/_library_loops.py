"""Loops of libraries, told in Python: PaddleSeg's, PaddleHub's and Lightning's."""

from __future__ import annotations

from dualtrain.reading._machine import Event, Machine, Model
from dualtrain.reading._told import models
from dualtrain.reading._values import DictValue, Instance, Known, Origin, Value

__all__ = ["MODELS"]

PADDLE = """
import paddle


def train(model, train_dataset, val_dataset=None, optimizer=None, save_dir="output", iters=10000,
          batch_size=2, resume_model=None, save_interval=1000, log_iters=10, num_workers=0,
          use_vdl=False, losses=None, keep_checkpoint_max=5, test_config=None, precision="fp32",
          amp_level="O1", **words):
    sampler = paddle.io.DistributedBatchSampler(
        train_dataset, batch_size=batch_size, shuffle=True, drop_last=True)
    loader = paddle.io.DataLoader(train_dataset, batch_sampler=sampler)
    if precision == "fp16":
        scaler = paddle.amp.GradScaler(init_loss_scaling=1024)
    step, batches = 0, iter(loader)
    while step < iters:
        batch = next(batches)
        if precision == "fp16":
            with paddle.amp.auto_cast(level=amp_level, enable=True):
                loss = model(batch)
            scaler.scale(loss).backward()
            scaler.minimize(optimizer, loss)
        else:
            model(batch).backward()
            optimizer.step()
        optimizer._learning_rate.step()
        optimizer.clear_grad()
        step += 1


class Trainer:
    def __init__(self, model, optimizer, *args, **words):
        self.model, self.optimizer = model, optimizer

    def train(self, train_dataset, epochs=1, batch_size=1, *args, **words):
        sampler = paddle.io.DistributedBatchSampler(train_dataset, batch_size=batch_size)
        loader = paddle.io.DataLoader(train_dataset, batch_sampler=sampler)
        for epoch in range(epochs):
            for batch in loader:
                self.model(batch).backward()
                self.optimizer.step()
                self.optimizer._learning_rate.step()
                self.optimizer.clear_grad()
"""

LIGHTNING = """
import sys
import torch


class Trainer:
    def __init__(self, *args, max_epochs=1000, max_steps=-1, accumulate_grad_batches=1,
                 gradient_clip_val=None, gradient_clip_algorithm="norm", precision=32, **words):
        self.max_epochs, self.max_steps = max_epochs, max_steps
        self.every, self.clip, self.how = (
            accumulate_grad_batches, gradient_clip_val, gradient_clip_algorithm)
        self.half = precision in (16, "16", "16-mixed")
        self.brain = precision in ("bf16", "bf16-mixed")

    def update(self, model, optimizer, scaler):
        if self.clip:
            if self.half:
                scaler.unscale_(optimizer)
            if self.how == "norm":
                torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            else:
                torch.nn.utils.clip_grad_value_(model.parameters(), self.clip)
        if self.half:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
        optimizer.zero_grad()

    def fit(self, model, train_dataloaders=None, val_dataloaders=None, datamodule=None, **words):
        loader = train_dataloaders
        if datamodule is not None:
            loader = datamodule.train_dataloader()
        elif loader is None:
            loader = model.train_dataloader()
        made, schedule, interval = model.configure_optimizers(), None, "epoch"
        optimizer = made
        if isinstance(made, dict):
            optimizer, schedule = made["optimizer"], made.get("lr_scheduler")
        elif isinstance(made, (list, tuple)):
            optimizer = made[0]
            if isinstance(optimizer, (list, tuple)):
                optimizer, schedule = optimizer[0], made[1][0]
        if isinstance(schedule, dict):
            interval, schedule = schedule.get("interval", "epoch"), schedule["scheduler"]
        scaler, step = torch.cuda.amp.GradScaler() if self.half else None, 0
        for epoch in range(self.max_epochs):
            for number, batch in enumerate(loader):
                if self.half:
                    with torch.autocast("cuda", dtype=torch.float16):
                        loss = model.training_step(batch, number) / self.every
                    scaler.scale(loss).backward()
                elif self.brain:
                    with torch.autocast("cuda", dtype=torch.bfloat16):
                        loss = model.training_step(batch, number) / self.every
                    loss.backward()
                else:
                    (model.training_step(batch, number) / self.every).backward()
                if self.every == 1:
                    self.update(model, optimizer, scaler)
                    if schedule is not None and interval == "step":
                        schedule.step()
                    step += 1
                elif (number + 1) % self.every == 0 or number + 1 == len(loader):
                    self.update(model, optimizer, scaler)
                    if schedule is not None and interval == "step":
                        schedule.step()
                    step += 1
                if self.max_steps > 0:
                    if step >= self.max_steps:
                        sys.exit()
            if schedule is not None and interval == "epoch":
                schedule.step()
"""

LIGHTNINGS = ("pytorch_lightning", "lightning", "lightning.pytorch")


def _saved(machine: Machine, event: Event) -> Value | None:
    """self.save_hyperparameters() in a constructor: what that was given, as `self.hparams`."""
    made, frame = event.receiver, machine.frames[-1] if machine.frames else {}
    if not isinstance(made, Instance):
        return None
    first = event.args[0] if event.args else None
    if isinstance(first, DictValue):
        held = first
    else:
        kept = {str(one.value) for one in event.args if isinstance(one, Known)}
        cells = {
            name: value
            for name, value in frame.items()
            if value is not made and (not kept or name in kept)
        }
        held = DictValue(dict(cells), Origin("computed", event.place), attributes=True)
    machine.write(made.cells, "hparams", held)
    return Known(None)


MODELS: dict[str, Model] = {
    **models(PADDLE, ("train",), ("paddleseg.core", "paddleseg.core.train")),
    **models(PADDLE, ("Trainer",), ("paddlehub", "paddlehub.finetune.trainer")),
    **models(LIGHTNING, ("Trainer",), (*LIGHTNINGS, "pytorch_lightning.trainer")),
    **{f"{one}.LightningModule.save_hyperparameters": _saved for one in LIGHTNINGS},
}
