"""Lockstep of two models whose names or tensors differ: each follows in its own, and is judged so.

The leading run's states are carried over to the twin; the rule is held against each side's own
tensors, the gradients part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dualtrain.errors import TwinsError
from dualtrain.lockstep._files import read_led, read_states, write_led, write_states
from dualtrain.lockstep._record import Led, Pass, Shown
from dualtrain.spec import Spec
from dualtrain.trace import Decision
from dualtrain.twins import Side, Twins, state_to_target

__all__ = ["carry_states", "check_rule", "decisions_for", "led_apart", "shown_apart"]


def check_rule(spec: Spec, twins: Twins) -> None:
    """Refuse a rule that looks at tensors as wholes, where the two hold them otherwise.

    Raises `TwinsError`.
    """
    whole = spec.optimizer.trust_ratio or (spec.clip is not None and spec.clip.norm is not None)
    if not whole:
        return
    for line in twins.lines:
        if len(line.source) != len(line.target):
            field = "optimizer" if spec.optimizer.trust_ratio else "clip.norm"
            raise TwinsError(
                f"{field}: a rule that takes the norm of each tensor is not the same for a tensor "
                f"and for its parts: hold it alike in both models. Received: {line}"
            )


def carry_states(folder: Path, to: Path, twins: Twins) -> None:
    """Write a folder of states anew, for a run of the twin to follow.

    Raises `StatesError` for a folder that is none, `OSError` for what cannot be written.
    """
    states = read_states(folder)
    for attempt in states.judged:
        led = read_led(folder, attempt)
        made = replace(
            led.passed,
            gradients=twins.to_target(led.passed.gradients),
            statistics=twins.to_target(led.passed.statistics),
        )
        before, after = (state_to_target(state, twins) for state in (led.before, led.after))
        write_led(to, replace(led, before=before, passed=made, after=after))
    write_states(to, states)


def decisions_for(twins: Twins, decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """What the leading side's ledger says of each of the twin's parameters."""
    told = twins.values_to_target(decisions)
    return {name: replace(decision, name=name) for name, decision in told.items()}


def led_apart(led: Led, twins: Twins) -> Led:
    """The leading run's update with its pass in the parts that both sides share."""
    return replace(led, passed=_pass_apart(led.passed, twins, "source"))


def shown_apart(shown: Shown, twins: Twins, side: Side) -> Shown:
    """What a side shows, with its passes in these parts; its moves stay its own.

    How far a nudge moves a tensor of several parts is said of each of them.
    """
    return replace(
        shown,
        passed=_pass_apart(shown.passed, twins, side),
        wide=None if shown.wide is None else _pass_apart(shown.wide, twins, side),
        nudges=tuple(_values_apart(nudge, twins, side) for nudge in shown.nudges),
        reached=_values_apart(shown.reached, twins, side),
    )


def _pass_apart(made: Pass, twins: Twins, side: Side) -> Pass:
    return replace(
        made,
        gradients=twins.apart(made.gradients, side),
        statistics=twins.apart(made.statistics, side),
    )


def _values_apart(values: Mapping[str, float], twins: Twins, side: Side) -> dict[str, float]:
    """Those of tensors, in parts; of a fused bias the largest of its three; losses as they are."""
    whole: dict[str, float] = {}
    for name, value in values.items():
        tensor = name.partition(" (")[0]
        whole[tensor] = max(value, whole.get(tensor, 0.0))
    return {**whole, **twins.values_apart(whole, side)}
