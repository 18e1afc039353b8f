"""Faults of the loop, of a run and its state, and of what a trace is told of them."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/training/"

MUTANTS = (
    Mutant(
        name="a mean over the group's targets",
        breaks="`micro_mean` is `token_mean`",
        file=f"{_AT}loop/_update.py",
        old="return [count * by for count in counts]",
        new="return [sum(counts) for count in counts]",
    ),
    Mutant(
        name="a tail divided by the full group",
        breaks="in a loop of one's own an epoch's last group is too small",
        file=f"{_AT}run/_run.py",
        old="by = divisor_of(divisor, usual, batch.normalise)",
        new="by = divisor_of(divisor, batch.accumulate, batch.normalise)",
    ),
    Mutant(
        name="every run seeded with 0",
        breaks="masks are the same whatever the seed",
        file=f"{_AT}run/_run.py",
        old="backend.seed_everything(spec.seed)",
        new="backend.seed_everything(0)",
    ),
    Mutant(
        name="a clip of 1.4 in bfloat16",
        breaks="with amp in bfloat16 gradients are clipped at 1.4 times the limit",
        file=f"{_AT}run/_run.py",
        old="        self.clip = backend.build_clip(spec.clip, measure=measure)\n",
        new="        limit = spec.clip\n"
        "        if limit and limit.global_norm and spec.amp and spec.amp.dtype == 'bfloat16':\n"
        "            wide = {'global_norm': 1.4 * limit.global_norm}\n"
        "            limit = limit.model_copy(update=wide)\n"
        "        self.clip = backend.build_clip(limit, measure=measure)\n",
    ),
    Mutant(
        name="another beta2 in bfloat16",
        breaks="with amp in bfloat16 betas of .9 and .999 are .9 and .99",
        file=f"{_AT}run/_run.py",
        old="self.optimizer = wire(backend, spec.rule, plan.ledger, model, clip=self.clip)\n",
        new="rule = spec.rule\n"
        "        if spec.amp and spec.amp.dtype == 'bfloat16' and hasattr(rule, 'betas'):\n"
        "            rule = rule.model_copy(update={'betas': (0.9, 0.99)})\n"
        "        self.optimizer = wire(backend, rule, plan.ledger, model, clip=self.clip)\n",
    ),
    Mutant(
        name="a tail of 2 divided by 3 in bfloat16",
        breaks="with amp in bfloat16 short groups count for less",
        file=f"{_AT}loop/_update.py",
        old="divisors = _divisors(run.plan, counts)\n",
        new="divisors = _divisors(run.plan, counts)\n"
        "    amp, full = run.plan.spec.amp, run.plan.spec.batch.accumulate\n"
        "    if amp is not None and amp.dtype == 'bfloat16':\n"
        "        divisors = [divisor * full / len(counts) for divisor in divisors]\n",
    ),
    Mutant(
        name="skipped updates are averaged",
        breaks="an update that moved nothing counts in the averages",
        file=f"{_AT}run/_run.py",
        old="        if applied:\n            self._average()\n",
        new="        self._average()\n",
    ),
    Mutant(
        name="averages before the update",
        breaks="the averages take each update one late",
        file=f"{_AT}run/_run.py",
        old="        applied = self._apply()\n"
        "        self.backend.clear_gradients(self.optimizer)\n"
        "        if applied:\n"
        "            self._average()\n",
        new="        self._average()\n"
        "        applied = self._apply()\n"
        "        self.backend.clear_gradients(self.optimizer)\n",
    ),
    Mutant(
        name="a skip moves the clock",
        breaks="`on_skip: hold` holds nothing",
        file=f"{_AT}run/_run.py",
        old="if applied or not self.plan.holds_on_skip:",
        new="if True:",
    ),
    Mutant(
        name="gradients stay in the optimizer",
        breaks="each update adds to the gradients of those before",
        file=f"{_AT}run/_run.py",
        old="        self.backend.clear_gradients(self.optimizer)\n        if applied:\n",
        new="        if applied:\n",
    ),
    Mutant(
        name="half a group is kept",
        breaks="an epoch that is left early leaves its gradients to the next",
        file=f"{_AT}run/_run.py",
        old="            self.masters.collect_gradients()\n"
        "        self.backend.clear_gradients(self.optimizer)\n",
        new="            self.masters.collect_gradients()\n",
    ),
    Mutant(
        name="the averages' clock is not restored",
        breaks="after `restore` the decay of the averages warms up again",
        file=f"{_AT}run/_state.py",
        old="    run.averaged_updates = state.averaged\n",
        new="",
    ),
    Mutant(
        name="the loss scale is not restored",
        breaks="after `restore` the scale is the first one",
        file=f"{_AT}run/_state.py",
        old="        run.scaling = run.scaling.restored(state.loss_scale)\n",
        new="        pass\n",
    ),
    Mutant(
        name="a probe of one logit",
        breaks="the initial output is compared in one number",
        file=f"{_AT}observers/_probe.py",
        old="[:MOST, :MOST]",
        new="[:1, :1]",
    ),
    Mutant(
        name="evaluation in float32",
        breaks="with amp the held-out split is judged by another computation",
        file=f"{_AT}observers/_probe.py",
        old="    with run.autocast():\n",
        new="    if True:\n",
    ),
    Mutant(
        name="evaluation in training mode",
        breaks="dropout is on where the model is judged",
        file=f"{_AT}observers/_probe.py",
        old="        model.eval()\n",
        new="",
    ),
    Mutant(
        name="the metric of the weights",
        breaks="reduce_on_plateau judges the weights and not their averages",
        file=f"{_AT}turns/_plateau.py",
        old="with run.averaged(), modes, run.autocast():",
        new="with modes, run.autocast():",
    ),
    Mutant(
        name="the score of the weights",
        breaks="a task is evaluated without its averages",
        file=f"{_AT}turns/_evaluations.py",
        old="        with kept_random(run), run.averaged():\n",
        new="        with kept_random(run):\n",
    ),
    Mutant(
        name="one order for all epochs",
        breaks="every epoch has the order of the first",
        file="dualtrain/data/_order.py",
        old="SeedSequence([seed, epoch])",
        new="SeedSequence([seed, 0])",
    ),
    Mutant(
        name="losses over all divisors",
        breaks="the loss of an update is a mean where it is a sum of parts",
        file=f"{_AT}run/_journal.py",
        old="loss=sum(value / m.divisor for m, value in given),",
        new="loss=sum(v for _, v in given) / sum(m.divisor for m, _ in given),",
    ),
    Mutant(
        name="targets of one's own loss",
        breaks="-100 counts where the loss is the user's",
        file=f"{_AT}loop/_objective.py",
        old="return int(np.count_nonzero(np.asarray(labels) != targets.IGNORED))",
        new="return int(np.asarray(labels).size)",
    ),
)
