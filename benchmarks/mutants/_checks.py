"""Where to look for who finds a fault: the nearest tests first, the whole suite last."""

from __future__ import annotations

__all__ = ["checks_of"]

_C, _P, _CORE, _META = (
    "tests/conformance/test_",
    "tests/parity/test_",
    "tests/core/test_",
    "tests/meta/",
)

_NEAR: tuple[tuple[str, str], ...] = (
    ("checkpoints/_changed", f"{_CORE}changed.py"),
    ("dualtrain/checkpoints/", f"{_C}checkpoints.py {_C}kills.py"),
    ("training/turns/_checkpoints", f"{_C}checkpoints.py {_C}processes_fit.py"),
    ("training/run/_checkpoint", f"{_C}checkpoints.py {_C}processes_fit.py"),
    ("training/loop/_drawn", f"{_C}checkpoints.py {_C}continued_loop.py {_C}processes_fit.py"),
    ("training/turns/_kept", f"{_C}checkpoints.py {_C}processes_resumed.py"),
    ("training/run/_state", f"{_C}checkpoints.py {_P}resumed_elsewhere.py"),
    ("dualtrain_paddle/state", f"{_C}state.py {_P}resumed_elsewhere.py"),
    ("processes/_sentinel", f"{_CORE}presence.py {_C}lost_processes.py"),
    ("processes", f"{_C}processes.py {_C}processes_fit.py {_CORE}world.py"),
    ("dualtrain/world", f"{_CORE}world.py {_C}processes.py"),
    ("_callbacks", f"{_C}callbacks.py {_C}processes_fit.py"),
    ("dualtrain/loggers/", f"{_P}loggers.py {_C}callbacks.py {_C}processes_fit.py"),
    ("plan/_monitor", f"{_CORE}docstrings.py {_C}evaluations.py {_C}checkpoints.py"),
    ("training/turns/_evaluations", f"{_C}evaluations.py {_C}averages.py {_C}checkpoints.py"),
    ("training/turns/_time", f"{_C}checkpoints.py {_C}evaluations.py"),
    ("training/sides/_predict", f"{_C}predict.py"),
    ("workers/_progress", f"{_CORE}progress.py {_C}checkpoints.py"),
    ("tasks/_predictor", f"{_C}predict.py"),
    ("tasks/text_classification/", f"{_P}text_pairs.py {_CORE}prepared.py {_C}predict.py"),
    ("tasks/encoders/_", f"{_P}text_pairs.py {_CORE}prepared.py {_CORE}checkpoint.py {_C}task.py"),
    ("tasks/token", f"{_P}token_classification.py"),
    ("tasks/causal", f"{_P}causal_lm.py"),
    ("tasks/image", f"{_C}image_classification.py {_C}predict.py {_P}image_classification.py"),
    ("/vision", f"{_P}image_classification.py {_C}image_classification.py"),
    ("tasks/module", f"{_C}module_task.py {_C}predict.py {_P}module_task.py"),
    ("training/sides/_fit", f"{_C}checkpoints.py {_C}run.py"),
    ("training/run/_random", f"{_C}checkpoints.py {_P}resumed_loaders.py"),
    ("trace/_mark", f"{_C}checkpoints.py"),
    ("cli/_leaving", f"{_C}left_by_signals.py"),
    ("lockstep/_fused", f"{_CORE}lockstep_gradients.py {_CORE}parity.py"),
    ("lockstep/_r", f"{_CORE}lockstep_bars.py {_CORE}rounded.py {_C}lockstep_rule_faults.py"),
    (
        "lockstep/",
        f"{_CORE}lockstep_bars.py {_CORE}lockstep_gradients.py {_CORE}lockstep_doubts.py "
        f"{_CORE}lockstep_judge.py",
    ),
    ("backends/dualtrain_torch/amp", f"{_C}amp.py {_P}amp.py {_P}autocast.py"),
    ("backends/dualtrain_paddle/amp", f"{_C}amp.py {_P}amp.py"),
    ("/arrays", f"{_C}run.py {_C}task.py {_C}state.py"),
    ("/batch_norm", f"{_P}batch_norm.py {_P}batch_stats.py"),
    ("backend/_batch_norm", f"{_P}batch_norm.py {_P}batch_stats.py"),
    ("clip", f"{_C}clip.py {_C}kernels.py {_P}clip.py {_P}clip_and_loss.py"),
    ("freeze", f"{_C}freeze.py tests/oracle/test_frozen_norms.py {_P}batch_stats.py"),
    ("losses", f"{_C}losses.py {_C}kernels.py {_C}targets.py"),
    ("targets", f"{_C}losses.py {_C}targets.py {_CORE}targets.py"),
    ("masters", f"{_C}masters.py {_P}amp.py"),
    ("models", f"{_P}models.py {_P}padding_row.py {_P}modes.py"),
    ("/tensors", f"{_P}models.py {_P}state.py {_P}zoo.py"),
    ("dualtrain_torch/optim.py", f"{_C}optimizers.py {_C}clip.py"),
    (
        "dualtrain_paddle/optimizers",
        f"{_C}optimizers.py {_C}live_optimizers.py {_P}paddle_attributes.py",
    ),
    ("dualtrain_torch/optimizers", f"{_C}optimizers.py {_P}optimizers.py"),
    ("dualtrain/optimizers", f"tests/oracle/test_rules.py {_C}optimizers.py {_P}optimizers.py"),
    ("native/optimizers", f"{_CORE}native_optimizers.py {_C}optimizers.py"),
    ("dualtrain_torch/schedule", f"{_C}schedules.py {_C}resume_order.py {_P}native_resume.py"),
    ("dualtrain_paddle/schedule", f"{_C}schedules.py {_C}resume_order.py {_P}native_resume.py"),
    ("state", f"{_C}state.py {_P}state.py {_C}masters.py"),
    ("/step.py", f"{_C}momentum.py"),
    ("verbs", f"{_C}masters.py {_C}state.py"),
    ("averages", f"{_C}averages.py {_P}averages.py"),
    ("_shared", f"{_C}losses.py {_C}amp.py {_P}amp.py"),
    ("_modes", f"{_P}modes.py {_C}task.py"),
    ("_named", f"{_P}roles.py {_C}known_parameters.py"),
    ("_call", f"{_P}user_models.py {_C}run.py"),
    (
        "plan/_plan",
        f"{_CORE}curves.py {_CORE}plan_errors.py {_C}silence.py",
    ),
    ("plan/_loss_scale", f"{_CORE}loss_scale.py"),
    ("training/turns/_plateau", f"{_C}averages.py {_C}plateau.py"),
    ("plateau", f"{_CORE}plateau.py {_C}plateau.py {_P}plateau.py"),
    ("plan/_warmup", f"{_CORE}columns_of_warmup.py"),
    ("schedules/_decays", f"{_CORE}columns_of_decays.py {_CORE}closed_forms.py {_C}schedules.py"),
    ("schedules/_steps", f"{_CORE}columns_of_steps.py {_CORE}columns_of_warmup.py"),
    ("schedules/", f"{_CORE}columns_of_cycles.py {_CORE}any_curve.py {_CORE}closed_forms.py"),
    ("training/loop/_update", f"{_C}run.py {_C}accumulation.py {_C}amp.py {_P}amp.py"),
    (
        "training/run/_run",
        f"{_C}run.py {_C}accumulation.py {_C}amp.py {_C}averages.py {_C}task.py {_C}evaluations.py",
    ),
    ("training/observers/_probe", f"{_C}recorded_loop.py {_P}autocast.py {_C}task.py {_P}modes.py"),
    ("training/sides/_task", f"{_C}task.py {_C}averages.py"),
    ("training/run/_journal", f"{_C}recorded_loop.py {_C}accumulation.py"),
    ("training/loop/_objective", f"{_C}run.py {_C}losses.py {_P}user_models.py"),
    (
        "training/observers/_recorder",
        f"{_C}recorded_loop.py {_C}silence.py {_C}outputs.py {_C}checkpoints.py {_C}callbacks.py",
    ),
    ("data/_order", f"{_CORE}batches.py"),
    ("data/_batches", f"{_CORE}batches.py"),
    ("ledger/_live", f"{_C}live_optimizers.py"),
    ("ledger/_kind", f"{_CORE}kinds.py {_P}roles.py"),
    ("ledger/", f"{_CORE}ledger.py {_CORE}layer_decay.py {_CORE}model_facts.py"),
    ("tasks/regression", f"{_CORE}regression.py {_C}regression.py {_C}predict.py"),
    ("trace/", f"{_CORE}trace.py {_CORE}evidence.py {_CORE}weights_of_a_run.py"),
    ("cli/", f"{_CORE}exit_status.py {_CORE}cli.py"),
    ("workers/", f"{_P}sides.py {_CORE}talk.py"),
    ("training/sides/_follow", f"{_C}follow.py {_C}follow_task.py {_P}follow.py"),
    (
        "parity/",
        f"{_META}test_bars.py {_META}test_compare.py {_CORE}parity.py {_META}test_no_proof.py",
    ),
)
"""Part of a source's path -> tests that are about it, by what their files are called."""

_ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dualtrain/parity/", ("tests/meta tests/core", "tests/parity")),
    ("dualtrain/lockstep/", ("tests/core tests/meta", f"{_C}follow.py {_P}lockstep_faults.py")),
    ("dualtrain/cli/", ("tests/core", "tests/meta")),
    ("dualtrain/workers/", ("tests/core", "tests/meta")),
    ("dualtrain/plan/", ("tests/core", "tests/conformance tests/oracle")),
    ("dualtrain/schedules/", ("tests/core", "tests/conformance tests/oracle")),
    ("dualtrain/ledger/", ("tests/core", "tests/conformance tests/oracle")),
    ("dualtrain/tasks/", ("tests/core", "tests/conformance tests/oracle")),
    ("dualtrain/trace/", ("tests/core", "tests/conformance tests/meta")),
    ("", ("tests/conformance tests/oracle",)),
)
"""The beginning of a source's path -> the rooms of tests that may know of it."""


OF_MUTANTS = "--ignore=tests/meta/test_mutants.py"
"""It fails with any fault planted, for it looks for the text that the fault replaces."""


def checks_of(file: str) -> list[list[str]]:
    """Arguments of pytest for one run after the other, the narrowest first."""
    near = [tests for part, tests in _NEAR if part in file][:1]
    rooms = next(rooms for begin, rooms in _ROOMS if file.startswith(begin))
    return [[*check.split(), OF_MUTANTS] for check in (*near, *rooms, "tests")]
