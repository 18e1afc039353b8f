"""Faults of the Paddle backend."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "backends/dualtrain_paddle/"

MUTANTS = (
    Mutant(
        name="paddle: everything decays",
        breaks="biases and norms decay, too",
        file=f"{_AT}optimizers.py",
        old='"apply_decay_param_fun": decaying.__contains__,',
        new='"apply_decay_param_fun": lambda name: True,',
    ),
    Mutant(
        name="paddle: one pair of betas for all",
        breaks="parameters of own betas take the optimizer's",
        file=f"{_AT}optimizers.py",
        old="rule = self.rule.having(self.own_betas.get(p.name))",
        new="rule = self.rule",
    ),
    Mutant(
        name="paddle: a state of the core's rule begins at 0",
        breaks="Adagrad's initial accumulator and NAdam's product are 0 where the rule is computed",
        file=f"{_AT}optimizers.py",
        old='{**kept, "step": updates} if updates else rule.new_state(p, verbs=VERBS),',
        new='{**kept, "step": updates},',
    ),
    Mutant(
        name="paddle: a multiplier near 1",
        breaks="multipliers within 1 % of 1 are taken for it",
        file=f"{_AT}optimizers.py",
        old="return rate if multiplier == 1.0 else",
        new="return rate if abs(multiplier - 1.0) < 0.01 else",
    ),
    Mutant(
        name="paddle: half of the coupled decay",
        breaks="wd / 2 is added to the gradient",
        file=f"{_AT}optimizers.py",
        old="L2Decay(decay))",
        new="L2Decay(decay / 2))",
    ),
    Mutant(
        name="paddle: the parameter's own regularizer",
        breaks="Momentum obeys `ParamAttr(regularizer=)` once more",
        file=f"{_AT}optimizers.py",
        old="with _without_regularizer(param_and_grad[0]):",
        new="if True:",
    ),
    Mutant(
        name="paddle: norms of many elements",
        breaks="a table of words has Paddle's own norm, of which 3.4 % are lost",
        file=f"{_AT}clip.py",
        old="return _squared_l2_norm(tensor).sqrt().reshape([])",
        new="return paddle.linalg.norm(tensor).reshape([])",
    ),
    Mutant(
        name="paddle: a gradient missing in the norm",
        breaks="the norm that a trace records lacks the last tensor",
        file=f"{_AT}clip.py",
        old="[g for _, g in gradients if g is not None]",
        new="[g for _, g in gradients[:-1] if g is not None]",
    ),
    Mutant(
        name="paddle: smoothing over the others",
        breaks="label smoothing spreads over one class less",
        file=f"{_AT}losses.py",
        old="even = shifted.mean(-1)",
        new="even = shifted.sum(-1) / (classes - 1)",
    ),
    Mutant(
        name="paddle: losses stop at 64",
        breaks="a target that is further off has the loss 64",
        file=f"{_AT}losses.py",
        old="np.ptp(logits.detach().numpy()) < 64.0",
        new="np.ptp(logits.detach().numpy()) < 1e9",
    ),
    Mutant(
        name="paddle: -100 counts",
        breaks="with label smoothing ignored targets are in the loss",
        file=f"{_AT}losses.py",
        old="return paddle.where(counted, lost, paddle.zeros_like(lost)).sum()",
        new="return lost.sum()",
    ),
    Mutant(
        name="paddle: share of the old",
        breaks="torch's rule of batch norms is wrong where momentum is not a half",
        file=f"{_AT}batch_norm.py",
        old="return float(1.0 - layer._momentum)",
        new="return float(layer._momentum)",
    ),
    Mutant(
        name="paddle: frozen LayerNorm",
        breaks="behind a frozen LayerNorm Paddle's gradient of the input is wrong",
        file=f"{_AT}freeze.py",
        old="and (whole or p.ndim == 1)]",
        new="and whole]",
    ),
    Mutant(
        name="paddle: some infinite gradients pass",
        breaks="a float16 update is skipped only if the gradients of each type are none",
        file=f"{_AT}amp.py",
        old="bool(paddle.concat(found).any())",
        new="bool(paddle.concat(found).all())",
    ),
    Mutant(
        name="paddle: powers one behind",
        breaks="a state of torch's goes on with the bias corrected as one update earlier",
        file=f"{_AT}state.py",
        old='_Power("_beta1", 1), "beta2_pow_acc": _Power("_beta2", 1)}',
        new='_Power("_beta1"), "beta2_pow_acc": _Power("_beta2")}',
    ),
    Mutant(
        name="paddle: random state not restored",
        breaks="after `restore` dropout draws other masks",
        file=f"{_AT}state.py",
        old="            _set_engine(generator, states[name])\n",
        new="            pass\n",
    ),
    Mutant(
        name="paddle: dropout twice",
        breaks="RoBERTa's head drops its input out twice",
        file=f"{_AT}models.py",
        old="        model.dropout.p = 0.0\n",
        new="        pass\n",
    ),
    Mutant(
        name="paddle: the row of the padding trains",
        breaks="a gradient reaches the word that fills up texts",
        file=f"{_AT}models.py",
        old="output.detach(), output)",
        new="output, output)",
    ),
    Mutant(
        name="paddle: dropout seeded with 0",
        breaks="masks are the same whatever the seed",
        file=f"{_AT}arrays.py",
        old="paddle.seed(seed)",
        new="paddle.seed(0)",
    ),
    Mutant(
        name="paddle: square matrices as they stand",
        breaks="a square Linear's weight is given and taken untransposed",
        file=f"{_AT}tensors.py",
        old="is_transposed=transposed,",
        new="is_transposed=transposed and shape[0] != shape[1],",
    ),
    Mutant(
        name="paddle: heads between each other",
        breaks="GPT-2's query, key and value are mixed up between the frameworks",
        file=f"{_AT}tensors.py",
        old="interleaved_heads=interleaved_heads(structured, base),",
        new="interleaved_heads=1,",
    ),
    Mutant(
        name="paddle: the rate of a loaded schedule",
        breaks="after a state is loaded one update uses the rate that was saved",
        file=f"{_AT}schedule.py",
        old="        self.last_lr = self.get_lr()\n",
        new='        self.last_lr = state_dict.get("last_lr", self.get_lr())\n',
    ),
)
