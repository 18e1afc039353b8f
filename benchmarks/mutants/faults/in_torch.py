"""Faults of the torch backend."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "backends/dualtrain_torch/"

MUTANTS = (
    Mutant(
        name="torch: clip by torch's utility",
        breaks="the norm is max / (norm + 1e-6) of what it was: 1e-6 short",
        file=f"{_AT}clip.py",
        old="c / torch.clamp(norm + self.added, min=c))\n        return gradients",
        new="torch.clamp(c / (norm + 1e-6), max=1.0))\n        return gradients",
    ),
    Mutant(
        name="torch: the joint norm for each tensor",
        breaks="`clip.norm` clips every tensor by the joint norm",
        file=f"{_AT}clip.py",
        old="factors = c / torch.clamp(_norms(gradients) + self.added, min=c)",
        new="factors = c / torch.clamp(global_norm(gradients).repeat(len(gradients)), min=c)",
    ),
    Mutant(
        name="torch: values clipped from above only",
        breaks="`clip.value` lets negative gradients through",
        file=f"{_AT}clip.py",
        old="        torch._foreach_clamp_min_([*map(part, gradients)], -c)\n",
        new="",
    ),
    Mutant(
        name="torch: the rest of a large norm",
        breaks="the elements after the last whole block are not in the norm of a large tensor",
        file=f"{_AT}clip.py",
        old="torch.stack([blocks, torch.linalg.vector_norm(rest)])",
        new="torch.stack([blocks])",
    ),
    Mutant(
        name="torch: norms of many elements",
        breaks="a table of words has torch's own norm, of which 0.16 % are lost",
        file=f"{_AT}clip.py",
        old="_BLOCK = 4096\n",
        new="_BLOCK = 2**40\n",
    ),
    Mutant(
        name="torch: infinite gradients pass",
        breaks="a float16 update with gradients that are none is made",
        file=f"{_AT}amp.py",
        old="return not sum(found)",
        new="return bool(found)",
    ),
    Mutant(
        name="torch: always bfloat16",
        breaks="`amp.dtype: float16` computes in bfloat16",
        file=f"{_AT}amp.py",
        old="device.type, dtype=getattr(torch, amp.dtype)\n",
        new="device.type, dtype=torch.bfloat16\n",
    ),
    Mutant(
        name="torch: one float32 operator",
        breaks="of `amp.float32_operators` only the first is kept in float32",
        file=f"{_AT}amp.py",
        old="KeepFloat32(amp.float32_operators, device.type))",
        new="KeepFloat32(amp.float32_operators[:1], device.type))",
    ),
    Mutant(
        name="torch: plain average of statistics",
        breaks="a batch norm without momentum is corrected as if it were 0.1",
        file=f"{_AT}batch_norm.py",
        old="1.0 / float(layer.num_batches_tracked) if plain",
        new="0.1 if plain",
    ),
    Mutant(
        name="torch: multipliers lost to the schedule",
        breaks="every parameter learns at the base rate from the first update on",
        file=f"{_AT}schedule.py",
        old='group["initial_lr"] = base * group["lr_multiplier"]',
        new='group["initial_lr"] = base',
    ),
    Mutant(
        name="torch: rounded masters",
        breaks="at level O2 masters begin at the rounded weights",
        file=f"{_AT}masters.py",
        old="copied = parameter.detach().clone()",
        new="copied = parameter.detach().to(getattr(torch, dtype)).float()",
    ),
    Mutant(
        name="torch: gradients added up low",
        breaks="at level O2 a group's gradients add up in the low type",
        file=f"{_AT}verbs.py",
        old="return gradient.float() if held is None else held + gradient",
        new="return (gradient if held is None else held + gradient).to(gradient.dtype).float()",
    ),
    Mutant(
        name="torch: a step too many in a state",
        breaks="after `restore` the bias is corrected as one update later",
        file=f"{_AT}state.py",
        old='torch.tensor(float(state.get("step", 1)))',
        new='torch.tensor(float(state.get("step", 1)) + 1)',
    ),
    Mutant(
        name="torch: random state not restored",
        breaks="after `restore` dropout draws other masks",
        file=f"{_AT}state.py",
        old='if "cpu" in states:',
        new="if False:",
    ),
    Mutant(
        name="torch: averages that add up",
        breaks="moments of dualtrain's own optimizers take the gradient whole",
        file=f"{_AT}optimizers.py",
        old="held.mul_(rate).add_(x, alpha=1 - rate)",
        new="held.mul_(rate).add_(x)",
    ),
    Mutant(
        name="torch: trust in a weight of 0",
        breaks="LAMB's trust ratio of a tensor of zeros is 0, so it never moves",
        file=f"{_AT}optimizers.py",
        old="torch.where((a > 0) & (b > 0), a / b, 1.0)",
        new="torch.where(b > 0, a / b, 1.0)",
    ),
    Mutant(
        name="torch: smoothing a thousandth off",
        breaks="label smoothing of 0.1 is 0.0999",
        file=f"{_AT}losses.py",
        old="label_smoothing=label_smoothing,\n",
        new="label_smoothing=label_smoothing * 0.999,\n",
    ),
    Mutant(
        name="torch: dropout seeded with 0",
        breaks="masks are the same whatever the seed",
        file=f"{_AT}arrays.py",
        old="torch.manual_seed(seed)",
        new="torch.manual_seed(0)",
    ),
    Mutant(
        name="torch: one pair of betas for all",
        breaks="groups of own betas take the optimizer's",
        file=f"{_AT}optim.py",
        old='**({} if betas is None else {"betas": betas}),',
        new="",
    ),
    Mutant(
        name="torch: one pair of betas by rule",
        breaks="where the rule itself is computed, groups of own betas take the optimizer's",
        file=f"{_AT}optimizers.py",
        old='self.rule.having(group.get("betas")).update(',
        new="self.rule.update(",
    ),
    Mutant(
        name="torch: clip left out of the optimizer",
        breaks="`step()` uses the gradients as they are",
        file=f"{_AT}optim.py",
        old="    if clip is not None:\n        made.register_step_pre_hook(clip)\n",
        new="",
    ),
    Mutant(
        name="torch: cycled momentum of one group",
        breaks="parameters with another decay keep the momentum that they had",
        file=f"{_AT}step.py",
        old='    for group in optimizer.param_groups:\n        group["momentum"] = momentum',
        new='    for group in optimizer.param_groups[:1]:\n        group["momentum"] = momentum',
    ),
)
