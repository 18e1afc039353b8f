"""Every hazard that reading can name: what it is, what it does to the run, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HAZARDS", "HazardKind"]


@dataclass(frozen=True, slots=True)
class HazardKind:
    """A hazard, apart from any recipe."""

    what: str
    effect: str
    mends: str = ""
    """The field of the spec that decides it; empty where it is mended in the recipe alone."""


HAZARDS: Mapping[str, HazardKind] = {
    # The schedule
    "sched_never_stepped": HazardKind(
        "A schedule is built and never stepped.",
        "The rate stays what it is at the first update: 0 under a warmup.",
        "schedule",
    ),
    "sched_flag_gated": HazardKind(
        "The schedule is stepped only in a branch that the recipe does not enter.",
        "As if it were never stepped.",
        "schedule",
    ),
    "sched_not_attached": HazardKind(
        "A schedule is built, and the optimizer holds a plain rate.",
        "The rate is constant, whatever the schedule says.",
        "schedule",
    ),
    "sched_before_optimizer": HazardKind(
        "The schedule is stepped before the update that it should follow.",
        "Every update has the next one's rate, and the first rate is never used.",
        "shift",
    ),
    "sched_per_micro_batch": HazardKind(
        "Under accumulation the schedule is stepped at each micro-batch.",
        "A schedule as long as the updates ends when a part of them is done.",
        "schedule",
    ),
    "sched_last_epoch_offset": HazardKind(
        "The schedule is built with last_epoch=0, or stepped with numbers of its own.",
        "Its clock is an update, or more, ahead of the run or behind it.",
        "shift",
    ),
    "sched_warmup_not_subtracted": HazardKind(
        "A warmup is wrapped around a schedule as long as the whole run.",
        "The decay begins when the warmup ends, and the run ends before the decay does.",
        "warmup.counted",
    ),
    "sched_jump_after_warmup": HazardKind(
        "The rate where warmup ends is not the one with which the schedule goes on.",
        "The rate jumps at that update.",
        "warmup.counted",
    ),
    "sched_name_shadowed": HazardKind(
        "A class of the recipe has the name of a library's schedule and another formula.",
        "The rates are not those that the name promises.",
        "schedule",
    ),
    "sched_cosine_full_wave_option": HazardKind(
        "paddlenlp's CosineDecayWithWarmup without num_cycles runs whole waves.",
        "The rate falls to 0 half way through, and rises again.",
        "schedule.half_waves",
    ),
    "sched_lambda": HazardKind(
        "The schedule's rule is a function of the recipe.",
        "No library's name says what it is; where its formula is known it is read as that.",
        "schedule",
    ),
    "sched_in_loop": HazardKind(
        "The recipe writes the rate into the optimizer itself.",
        "No schedule object says what it is; where its formula is known it is read as that.",
        "schedule",
    ),
    "sched_longer_than_training": HazardKind(
        "The schedule, or a milestone of it, lies beyond the end of training.",
        "The rate never comes to its end.",
        "horizon",
    ),
    "sched_unit_suspect": HazardKind(
        "Numbers that read like epochs are counted in batches.",
        "The rate has fallen to its end after the first few hundred batches.",
        "schedule.per",
    ),
    "sched_other_loader": HazardKind(
        "The schedule's length comes from another loader than the one that is trained on.",
        "The schedule ends early or late, by the ratio of the two.",
        "horizon",
    ),
    "warmup_type_decides": HazardKind(
        "paddlenlp takes an int as steps of warmup and a float as a share of the run.",
        "1000.0 is a thousand runs of warmup: the rate hardly leaves 0.",
        "warmup",
    ),
    "max_steps_not_a_stop": HazardKind(
        "max_steps shapes the schedule, and nothing ends the run there.",
        "Training goes on at the last rate, mostly 0.",
        "duration.updates",
    ),
    "max_steps_off_by_one": HazardKind(
        "The test that ends the run lets one update more, or fewer, through than max_steps.",
        "One update is made beyond the schedule's end, mostly at rate 0.",
        "duration.updates",
    ),
    "max_steps_not_in_schedule": HazardKind(
        "max_steps ends the run, and the schedule is laid out over all epochs.",
        "The run ends while the rate is still high.",
        "horizon",
    ),
    "lr_scaled_at_run_time": HazardKind(
        "The rate is multiplied by the batch or by the number of processes.",
        "Another machine trains at another rate.",
        "optimizer.lr",
    ),
    # The update
    "accum_loss_not_divided": HazardKind(
        "Under accumulation the losses are summed, not averaged.",
        "Gradients are as many times larger as there are micro-batches, so clipping bites more.",
        "batch.normalise",
    ),
    "accum_off_by_one": HazardKind(
        "The condition of the update counts from the wrong number, or asks for the wrong one.",
        "The first update has fewer micro-batches than the others, or updates are missing.",
        "batch.accumulate",
    ),
    "accum_condition_bits": HazardKind(
        "The condition of the update takes the bits of the step, `&`, for its remainder, `%`.",
        "Updates come in groups of no one size, or hardly ever.",
        "batch.accumulate",
    ),
    "accum_tail_leaks": HazardKind(
        "What is left of an epoch stays in the gradients.",
        "The next epoch's first update has gradients of both.",
        "batch.tail",
    ),
    "accum_clip_each_micro_batch": HazardKind(
        "Gradients are clipped after each micro-batch, while they add up.",
        "Parts of a sum are clipped; the order of the micro-batches counts.",
        "clip",
    ),
    "grads_never_cleared": HazardKind(
        "Nothing clears the gradients.",
        "Each update has the sum of all gradients so far.",
    ),
    "grads_cleared_before_step": HazardKind(
        "Gradients are cleared between the backward pass and the update.",
        "The update sees none: only weight decay moves the weights.",
    ),
    "grads_cleared_each_micro_batch": HazardKind(
        "Under accumulation the gradients are cleared at each micro-batch.",
        "An update has the gradients of the last micro-batch alone.",
        "batch.accumulate",
    ),
    "many_backwards_one_step": HazardKind(
        "Several backward passes go into one update.",
        "Gradients add up; no spec says that, and a port has to do it by hand.",
    ),
    "adversarial_step": HazardKind(
        "A second pass over the batch, with weights or inputs moved against it.",
        "No spec says that, and a port has to do it by hand.",
    ),
    "several_optimizers": HazardKind(
        "More than one optimizer is stepped.",
        "A spec has one: the first is read.",
    ),
    "clip_before_unscale": HazardKind(
        "Gradients are clipped while they are still multiplied by the loss scale.",
        "The norm is tens of thousands of times too large: each update is clipped to almost "
        "nothing.",
        "clip",
    ),
    "clip_per_group": HazardKind(
        "Each parameter group is clipped by its own norm.",
        "The step is larger than one norm over all would let it be, and turned.",
        "clip.global_norm",
    ),
    "clip_per_tensor": HazardKind(
        "Each tensor is clipped by its own norm.",
        "The step is turned: large gradients shrink, and small ones stay.",
        "clip.global_norm",
    ),
    "clip_not_attached": HazardKind(
        "A clip is built or asked for, and reaches no optimizer.",
        "Nothing is clipped.",
        "clip",
    ),
    # Weight decay and parameters
    "decay_internal_names": HazardKind(
        "The filter is given Paddle's internal names, such as linear_0.b_0.",
        "What it looks for is not in them, or elsewhere than in the model's own names.",
        "weight_decay.exclude",
    ),
    "decay_never_matches": HazardKind(
        "The filter of the decay matches no parameter, or all of them.",
        "Nothing decays, or everything does.",
        "weight_decay.exclude",
    ),
    "decay_misses_norm": HazardKind(
        "The strings of the filter are in no name of the model's norms.",
        "The weights of LayerNorm decay.",
        "weight_decay.exclude",
    ),
    "decay_filter_dropped": HazardKind(
        "The filter is switched off: groups or a list of the recipe stand in its place.",
        "What it should keep from decay decays.",
        "weight_decay.exclude",
    ),
    "decay_in_model_code": HazardKind(
        "Attributes that the model's code gives its parameters decide the decay.",
        "The configuration does not say what decays.",
        "weight_decay.exclude",
    ),
    "framework_default_decay": HazardKind(
        "No decay is given, and the framework has one by default.",
        "AdamW of torch and of Paddle decays by 0.01; transformers' early AdamW by 0.",
        "weight_decay.value",
    ),
    "coupled_decay": HazardKind(
        "Adam is given a weight decay, which it adds to the gradient.",
        "It is divided by the root of the second moment; AdamW's is not.",
        "optimizer.name",
    ),
    "params_lost": HazardKind(
        "A generator of parameters is used up before it comes to the optimizer.",
        "Parameters are missing from the optimizer: they never move.",
        "weight_decay.exclude",
    ),
    "param_groups": HazardKind(
        "Groups of parameters have numbers of their own.",
        "One rate or decay does not say the recipe.",
        "lr_multipliers",
    ),
    # Mixed precision
    "amp_apex": HazardKind(
        "Mixed precision comes from apex.",
        "It is no longer kept up; what its levels do differs from the framework's own.",
        "amp",
    ),
    "amp_scaler_recreated": HazardKind(
        "A new loss scaler is made in the loop.",
        "What it has learnt of the scale is lost: it begins at its first scale again.",
        "amp",
    ),
    "amp_minimize_unscaled_loss": HazardKind(
        "scaler.minimize() is given the loss before scaling.",
        "None in Paddle, which uses the gradients only; it reads like a fault, and is none.",
    ),
    # Where values come from
    "dead_flag": HazardKind(
        "A flag or key is declared and has no effect.",
        "Whoever sets it changes nothing.",
    ),
    "seed_unused": HazardKind(
        "A seed is declared, and nothing is seeded with it.",
        "Every run has other weights and another order.",
        "seed",
    ),
    "config_beats_cli": HazardKind(
        "A configuration is read after the command line and set over it.",
        "A flag that the command gives changes nothing.",
    ),
    "defaults_in_shell": HazardKind(
        "Variables of a shell script hold the numbers of its command.",
        "The script alone, or the command without that file, trains with others.",
    ),
    "defaults_per_task": HazardKind(
        "The name of the task or of the data takes one of several sets of numbers.",
        "Another task trains with other numbers, without a flag that says so.",
    ),
    "cli_flag_unknown": HazardKind(
        "The documented command has a flag that the script refuses.",
        "The command does not run.",
    ),
    "decoy_values": HazardKind(
        "Values that do not apply stand beside those that do.",
        "They are easily taken for the recipe's.",
    ),
    "constants_reassigned": HazardKind(
        "A later line, or a file that the script executes, sets a number anew.",
        "The first value, where the number is looked for, does not apply.",
    ),
    "text_number_in_yaml": HazardKind(
        "A number such as 1e-4 is text to a reader of YAML 1.1.",
        "The run fails, or the library turns it into a number by itself.",
    ),
    "yaml_tags": HazardKind(
        "Tags of the YAML name classes of the program.",
        "They are read as data: what the class adds is not seen.",
    ),
    "spread_over_files": HazardKind(
        "Values of the recipe lie outside the file that is given.",
        "Whoever reads that file alone does not see them.",
    ),
    "batch_is_effective": HazardKind(
        "batch_size is divided by the accumulation.",
        "It is the batch of an update, not of a pass.",
        "batch.size",
    ),
    "batch_in_tokens": HazardKind(
        "A batch is counted in tokens, not in samples.",
        "No spec says that: batches differ in their samples.",
    ),
    # The run
    "fails_with_defaults": HazardKind(
        "The framework refuses what the recipe says as it stands.",
        "The run fails at its start.",
    ),
    "train_not_called": HazardKind(
        "Nothing calls the function that trains.",
        "The script ends without training; the function is read as if it were called.",
    ),
    "endless_loop": HazardKind(
        "Nothing ends the loop.",
        "The run has no length: a spec has to be told one.",
        "duration",
    ),
}
"""By code, each of `Hazard.code`."""
