"""Holds a run of the product against the rules, update by update.

What is borne follows from the types. A gradient: the rounding of the product's cross-entropy, which
is in float32 whatever the model, sent backward through the model, and what the model makes of
weights, and of numbers on the way, whose last bit is another. A weight: what the rule makes of
gradients, rates and products whose last bit is another; two shadows of each rule follow such ones
all along, so that what a rule magnifies is borne where it magnifies it, and there only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle import loss as losses
from tests.oracle.drive import Made, Record, native
from tests.oracle.model import LAYERS, Pass, backward, forward, statistics
from tests.oracle.optimizers import Reference
from tests.oracle.parameters import Decision, decide
from tests.oracle.schedules import Plateau, momentum, rate, sizes
from tests.oracle.specs import ALWAYS_DECOUPLED, Case
from tests.oracle.update import (
    LossScale,
    average_decay,
    clipped,
    divisors,
    groups,
    joint_norm,
    leaked,
)

__all__ = ["Difference", "Verdict", "judge"]

Array = NDArray[np.float64]
Arrays = Mapping[str, Array]

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
"""Half the distance from 1 to the next number."""
SAFETY = 4.0
"""Of the bounds of norms and weights."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first number that no rounding explains."""

    quantity: str
    update: int
    name: str
    expected: float
    actual: float
    allowed: float

    def __str__(self) -> str:
        return (
            f"update {self.update}, {self.quantity} {self.name}: expected {self.expected!r}, "
            f"got {self.actual!r}, allowed {self.allowed:.1e}"
        )


@dataclass
class Verdict:
    """What was compared."""

    first: Difference | None = None
    updates: int = 0
    skipped: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    """Quantity -> numbers."""
    worst: dict[str, float] = field(default_factory=dict)
    """Quantity -> the largest distance, as a share of what is allowed."""


class _Found(Exception):
    """A difference; what follows it is its consequence."""


def judge(case: Case, spec: Mapping[str, Any], record: Record, backend: str) -> Verdict:
    """spec: what `case.spec` says with all its defaults, dumped."""
    judged = _Judge(case, spec, record, backend)
    try:
        with np.errstate(all="ignore"):
            judged.run()
    except _Found:
        pass
    return judged.verdict


class _Judge:
    def __init__(self, case: Case, spec: Mapping[str, Any], record: Record, backend: str) -> None:
        self.case, self.spec, self.record = case, spec, record
        self.verdict = Verdict()
        self.sizes = sizes(spec, case.micro_batches)
        self.decisions = decide(spec, case.architecture, case.still)
        self.unit = UNIT[case.dtype]
        own, optimizer = native(backend), spec["optimizer"]["name"]
        self.keeps_products = own.KEEPS_PRODUCTS
        self.rate_error = own.RATE_ERROR + own.ROUNDED.get(optimizer, 0.0) + self.unit
        self.groups = groups(spec["batch"], case.micro_batches)
        freeze = spec["freeze"] or {"batch_stats": "train"}
        self.still = frozenset(
            i
            for i in range(LAYERS)
            if freeze["batch_stats"] == "keep"
            and not any(
                decision.trains
                for name, decision in self.decisions.items()
                if name.startswith(f"encoder.layer.{i}.norm.")
            )
        )
        self.rules: dict[str, list[Reference]] = {}
        self.scales: dict[str, float] = {}
        self.random = np.random.default_rng(0)
        self.u = 0

    # -- the run -------------------------------------------------------------------------------

    def run(self) -> None:
        spec, micros = self.spec, self.record.micros
        self.check_sizes()
        plateau = None
        if spec["schedule"]["name"] == "reduce_on_plateau":
            plateau = Plateau(spec, self.sizes)
        amp = spec["amp"]
        scaling = LossScale(amp["loss_scale"]) if amp is not None else None
        ema = spec["ema"] or {"start": "initial", "statistics": False}
        kept = {*self.trained(), *(statistics(self.case.architecture) if ema["statistics"] else ())}
        held = {n: w for n, w in micros[0].weights.items() if n in kept}
        if ema["start"] in ("zero", "debiased"):
            held = {n: 0 * w for n, w in held.items()}
        averages, left = held, 1.0
        if ema["start"] == "debiased":  # until something is averaged
            averages = {n: micros[0].weights[n] for n in held}
        t = averaged = 0
        for (epoch, group, batches), made in zip(self.updates(), self.record.made, strict=True):
            if plateau is not None and epoch and group[-1] == self.groups[0][-1]:
                plateau.report(self.case.metric(epoch - 1), t)
            lr = rate(spec, self.sizes, t) if plateau is None else plateau.rate(t)
            beta = momentum(spec, self.sizes, t)
            self.check_settings(made, t, lr, beta, scaling)
            scale = scaling.scale if scaling is not None else 1.0
            first = self.position(epoch, group[0])
            gradients = self.check_gradients(first, batches[: len(group)], made, scale)
            finite = all(np.isfinite(g).all() for g in gradients.values())
            if scaling is not None:
                scaling.update(finite)
            self.equal("skipped", "", float(not finite), float(made.skipped))
            self.check_statistics(first, batches)
            before, after = micros[first].weights, self.weights(first + len(group))
            if finite:
                self.check_clip(gradients, made)
                self.check_weights(before, after, gradients, lr, beta)
                if spec["ema"] is not None:
                    d = average_decay(spec["ema"], averaged)
                    held = {n: d * a + (1 - d) * after[n] for n, a in held.items()}
                    if ema["start"] == "first" and averaged == 0:
                        held = {n: after[n] for n in held}
                    averaged, left = averaged + 1, left * d
                    by = 1 - left if ema["start"] == "debiased" else 1.0
                    averages = {n: a / by for n, a in held.items()}
            else:
                self.verdict.skipped += 1
                self.check_still(before, after, self.decisions)
            self.u += 1
            if self.u in self.record.averages:
                self.check_averages(averages, after, self.record.averages[self.u])
            if finite:
                t += 1
            else:
                assert amp is not None  # only loss scaling skips
                t += int(amp["on_skip"] == "advance")
        self.equal("updates", "", self.sizes.updates, self.u)
        self.check_files(averages)
        self.verdict.updates = self.u

    def updates(self) -> Iterator[tuple[int, list[int], list[dict[str, NDArray[Any]]]]]:
        """(epoch, micro-batches' indices, their batches) of each update; of a tail that a loop of
        one's own passes and drops, the batches come last."""
        left = leaked(self.spec["batch"], self.case.micro_batches)
        epoch = 0
        before: list[dict[str, NDArray[Any]]] = []
        while True:
            batches = self.case.batches(epoch)
            for n, own in enumerate(self.groups):
                if epoch * len(self.groups) + n >= self.sizes.updates:
                    return
                group = [*range(-len(before), 0), *own]
                given = [*before, *(batches[i] for i in own)]
                before = []
                if self.case.through == "step" and own == self.groups[-1] and not left:
                    given += batches[own[-1] + 1 :]
                yield epoch, group, given
            before = batches[len(batches) - left :]
            epoch += 1

    def position(self, epoch: int, index: int) -> int:
        """Of a micro-batch among all forward passes: a loop of one's own runs a tail that is
        dropped, `fit` does not."""
        seen = self.case.micro_batches
        if self.case.through == "fit" and self.spec["batch"]["tail"] != "leak":
            seen = sum(map(len, self.groups))
        return epoch * seen + index

    def weights(self, index: int) -> Arrays:
        """At the beginning of a forward pass; after the last one the final ones."""
        micros = self.record.micros
        return micros[index].weights if index < len(micros) else self.record.after

    def trained(self) -> list[str]:
        return [name for name, decision in self.decisions.items() if decision.trains]

    # -- what is compared ----------------------------------------------------------------------

    def check_sizes(self) -> None:
        run, header = self.sizes, self.record.header
        if not header:
            return
        for word, number in {
            "total_updates": run.updates,
            "warmup_updates": run.warmup,
            "horizon": run.horizon * run.unit + run.moved,
            "updates_per_epoch": run.updates_per_epoch,
        }.items():
            self.equal("sizes", word, number, header[word])

    def check_settings(
        self, made: Made, t: int, lr: float, beta: float | None, scaling: LossScale | None
    ) -> None:
        self.equal("clock", "", t, made.t)
        base = max(self.spec["optimizer"]["lr"], lr)
        self.close("rate", "", lr, made.lr, 1e-13 * base)
        self.equal("momentum cycled", "", float(beta is None), float(made.momentum is None))
        if beta is not None and made.momentum is not None:
            self.close("momentum", "", beta, made.momentum, 1e-15)
        if scaling is not None:
            self.equal("loss scale", "", scaling.scale, made.loss_scale or 0.0)

    def check_gradients(
        self,
        first: int,
        batches: list[dict[str, NDArray[Any]]],
        made: Made,
        scale: float,
    ) -> dict[str, Array]:
        """Each micro-batch's against the model by hand; gives those of the product, added up."""
        settings, architecture = self.spec["loss"], self.case.architecture
        counts = [losses.count(settings, b["labels"], architecture.classes) for b in batches]
        parts = divisors(self.spec["batch"], counts)
        total = borne_by_all = 0.0
        added: dict[str, NDArray[Any]] = {}
        for offset, (batch, part) in enumerate(zip(batches, parts, strict=True)):
            micro = self.record.micros[first + offset]
            if offset:
                self.check_still(self.record.micros[first].weights, micro.weights, self.decisions)
            value, right, done = self.by_hand(micro.weights, batch, part)
            shadows = [self.by_hand(micro.weights, batch, part, self.rounded) for _ in range(2)]
            off = max(abs(other - value) for other, _, _ in shadows)
            size = 1.0 + float(np.abs(done.logits).max())
            unit = self.unit if self.case.own_loss else UNIT["float32"]
            room = 64 * unit * size + 16 * off / counts[offset]
            if made.micro_losses is not None:
                mean = value / counts[offset]
                self.close("micro loss", str(offset), mean, made.micro_losses[offset], room)
            total += value / part
            borne_by_all += room * counts[offset] / part
            noise = room / part * self.random.choice([-1.0, 1.0], done.logits.shape)
            sent = backward(architecture, micro.weights, done, noise)
            apart = max(
                joint_norm({name: noisy[name] - g for name, g in right.items()})
                for _, noisy, _ in shadows
            )
            borne = joint_norm(right) * self.unit * 64 + joint_norm(sent) + 16 * apart
            for name, g in micro.gradients.items():
                if np.isfinite(g).all():
                    self.arrays("gradient", f"{offset} {name}", right[name], g / scale, 4 * borne)
                added[name] = g if name not in added else added[name] + g
        if made.loss is not None:
            self.close("loss", "", total, made.loss, borne_by_all)
        expected = sorted(self.trained())
        if sorted(added) != expected:
            self.differ("gradient", f"of {sorted(set(added) ^ set(expected))}", 1.0, 0.0, 0.0)
        return {name: added[name].astype(np.float64) / scale for name in expected}

    def by_hand(
        self,
        weights: Arrays,
        batch: Mapping[str, Any],
        divisor: int,
        rounded: Callable[[Array], Array] = lambda x: x,
    ) -> tuple[float, dict[str, Array], Pass]:
        """The summed loss of a micro-batch, the gradient of its share of the update's, the pass."""
        settings, architecture = self.spec["loss"], self.case.architecture
        rule = self.spec["batch_norm"]
        weights = {name: rounded(w) for name, w in weights.items()}
        done = forward(architecture, weights, batch["tokens"], self.still, rounded, rule)
        q = losses.targets(settings, batch["labels"], architecture.classes)
        value, d_logits = losses.cross_entropy(done.logits, q)
        return value, backward(architecture, weights, done, d_logits / divisor), done

    def rounded(self, x: Array) -> Array:
        """The same but for the last bit: what becomes of it is how the model magnifies rounding."""
        return x * (1 + self.unit * self.random.choice([-1.0, 1.0], x.shape))

    def check_statistics(self, first: int, batches: list[dict[str, Any]]) -> None:
        names = statistics(self.case.architecture)
        if not names:
            return
        for position, batch in enumerate(batches, first):
            if position >= len(self.record.micros):
                break
            w = self.record.micros[position].weights
            architecture, tokens = self.case.architecture, batch["tokens"]
            rule = self.spec["batch_norm"]
            done = forward(architecture, w, tokens, self.still, rule=rule)
            noisy = forward(architecture, w, tokens, self.still, self.rounded, rule)
            after = self.weights(position + 1)
            for name in names:
                right = done.statistics[name]
                apart = np.abs(noisy.statistics[name] - right).max()
                allowed = 32 * self.unit * (1 + np.abs(right).max()) + 8 * apart
                kept = int(name.split(".")[2]) in self.still
                self.arrays("statistics", name, right, after[name], 0.0 if kept else allowed)

    def check_clip(self, gradients: Arrays, made: Made) -> None:
        norm = joint_norm(gradients)
        allowed = SAFETY * self.unit * 16
        if made.grad_norm is not None:
            self.close("norm", "", norm, made.grad_norm, allowed * norm)
        else:
            self.differ("norm", "", norm, np.nan, 0.0)
        if self.spec["clip"] is not None:
            after = joint_norm(clipped(self.spec["clip"], gradients))
            told = np.nan if made.clipped_norm is None else made.clipped_norm
            self.close("clipped norm", "", after, told, allowed * after)

    def check_weights(
        self, before: Arrays, after: Arrays, gradients: Arrays, lr: float, beta: float | None
    ) -> None:
        clipped_gradients = clipped(self.spec["clip"], gradients)
        self.check_still(before, after, {n: d for n, d in self.decisions.items() if not d.trains})
        for name, g in clipped_gradients.items():
            decision = self.decisions[name]
            right, allowed = self.next_weight(name, decision, before[name], g, lr, beta)
            self.arrays("weight", name, right, after[name], allowed)

    def next_weight(
        self, name: str, decision: Decision, w: Array, g: Array, lr: float, beta: float | None
    ) -> tuple[Array, Array]:
        """By the rule, and what rounding can make of it."""
        rules = self.rules.get(name)
        if rules is None:
            optimizer = dict(self.spec["optimizer"])
            optimizer |= {} if decision.betas is None else {"betas": decision.betas}
            apart = self.decoupled and optimizer["name"] not in ALWAYS_DECOUPLED
            rules = [Reference(optimizer, w, decision.decay, apart=apart) for _ in range(3)]
            self.rules[name] = rules
        results = []
        terms = np.abs(g) + (0 if self.decoupled else decision.decay * np.abs(w))
        for index, rule in enumerate(rules):
            rule.w = w
            sign = 0.0 if index == 0 else self.random.choice([-1.0, 1.0], g.shape)
            noisy = 1.0 + (0, 1, -1)[index] * self.rate_error
            # what is exactly 0 stays so: no kernel rounds it away
            gradient = g + sign * 4 * self.unit * terms * (g != 0)
            rate = lr * decision.multiplier * noisy
            results.append(rule.update(gradient, rate, momentum=beta))
        right = results[0]
        step = float(np.abs(right - w).max())
        self.scales[name] = max(self.scales.get(name, 0.0), step)
        spread = np.maximum(np.abs(results[1] - right), np.abs(results[2] - right))
        spread = np.maximum(spread, spread.mean())
        of_step = self.rate_error + 16 * self.unit + self.of_products(rules[0])
        borne = self.unit * 2 * np.abs(w) + of_step * self.scales[name]
        return right, SAFETY * (spread + borne)

    def of_products(self, rule: Reference) -> float:
        """What is lost of 1 - b^k where b^k is a running product, k times rounded."""
        betas, k = dict(rule.rule).get("betas", ()) if self.keeps_products else (), rule.k
        return max((k * self.unit / (1 - b**k) for b in betas), default=0.0)

    @property
    def decoupled(self) -> bool:
        decay = self.spec["weight_decay"]
        kind: str = "coupled" if decay is None else decay["kind"]
        return kind == "decoupled" or self.spec["optimizer"]["name"] in ALWAYS_DECOUPLED

    def check_still(self, before: Arrays, after: Arrays, names: Mapping[str, Any]) -> None:
        for name in names:
            self.arrays("held still", name, before[name], after[name], 0.0)

    def check_averages(self, averages: Arrays, after: Arrays, found: Arrays) -> None:
        for name, weight in after.items():
            right = averages[name] if self.spec["ema"] and name in averages else weight
            exact = self.spec["ema"] is None or name not in averages
            allowed = 0.0 if exact else 8 * self.unit * (1 + np.abs(weight).max())
            self.arrays("average", name, right, found[name], allowed)

    def check_files(self, averages: Arrays) -> None:
        """Weights are written in float32."""
        for file, arrays in self.record.files.items():
            right: Arrays = {
                "initial.safetensors": self.record.micros[0].weights,
                "model.safetensors": self.record.after,
                "ema.safetensors": {**self.record.after, **averages},
            }[file]
            if sorted(right) != sorted(arrays):
                self.differ("file", f"{file}, its names", 1.0, 0.0, 0.0)
            for name, array in arrays.items():
                allowed = UNIT["float32"] * (64 if file.startswith("ema") else 1)
                borne = allowed * (1 + float(np.abs(right[name]).max()))
                self.arrays("file", f"{file} {name}", right[name], array, borne)

    # -- comparing -----------------------------------------------------------------------------

    def equal(self, quantity: str, name: str, expected: float, actual: float) -> None:
        self.close(quantity, name, expected, actual, 0.0)

    def close(
        self, quantity: str, name: str, expected: float, actual: float, allowed: float
    ) -> None:
        self.arrays(quantity, name, np.array(expected), np.array(actual), allowed)

    def arrays(
        self, quantity: str, name: str, expected: Array, actual: Any, allowed: float | Array
    ) -> None:
        self.verdict.compared[quantity] = self.verdict.compared.get(quantity, 0) + expected.size
        distance = np.abs(np.asarray(actual, np.float64) - expected)
        if (expected == actual).all():
            self.verdict.worst.setdefault(quantity, 0.0)
            return
        allowed = np.broadcast_to(np.asarray(allowed, np.float64), expected.shape)
        share = np.where(distance == 0, 0.0, distance / allowed)
        share = np.where(np.isnan(share), np.inf, share)
        worst = np.unravel_index(int(np.argmax(share)), share.shape)
        self.verdict.worst[quantity] = max(
            self.verdict.worst.get(quantity, 0.0), float(share[worst])
        )
        if share[worst] > 1.0:
            place = f"{name}{list(map(int, worst)) if worst else ''}"
            numbers = float(expected[worst]), float(np.asarray(actual)[worst])
            self.differ(quantity, place, *numbers, float(allowed[worst]))

    def differ(
        self, quantity: str, name: str, expected: float, actual: float, allowed: float
    ) -> None:
        self.verdict.first = Difference(
            quantity=quantity,
            update=self.u,
            name=name,
            expected=expected,
            actual=actual,
            allowed=allowed,
        )
        raise _Found
