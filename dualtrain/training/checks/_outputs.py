"""Where a run writes, looked at before anything else is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from dualtrain.errors import OutputError
from dualtrain.outputs import DRAFT, MANIFEST, check_apart, check_folder
from dualtrain.spec import Spec
from dualtrain.trace import check_trace_file
from dualtrain.training.checks._before import task_of

__all__ = [
    "AVERAGES",
    "BEST",
    "FINAL_WEIGHTS",
    "INITIAL_WEIGHTS",
    "OUTPUT",
    "check_outputs",
    "inputs_of",
]

INITIAL_WEIGHTS = "initial.safetensors"
FINAL_WEIGHTS = "model.safetensors"
AVERAGES = "ema.safetensors"
BEST = "best.safetensors"

OUTPUT = "the output"


def check_outputs(
    trace: Path | str | None,
    output: Path | str | None,
    *,
    inputs: Mapping[str, Path] | None = None,
    files: Iterable[str] = (),
) -> None:
    """Refuse what a run could not write, or should not replace; nothing is changed.

    inputs: what the run reads, see `inputs_of`. files: patterns of what it writes into the output
    beside weights. Raises `OutputError`.
    """
    own = ("*.safetensors", MANIFEST, *files)
    if trace is not None:
        check_apart(Path(trace), "a trace", inputs or {})
        check_trace_file(Path(trace))
    if output is not None:
        check_apart(Path(output), OUTPUT, inputs or {})
        check_folder(Path(output), OUTPUT, own)
    if trace is None or output is None:
        return
    trace, output = Path(trace).resolve(), Path(output).resolve()
    inner = trace.relative_to(output).parts if trace.is_relative_to(output) else None
    if output.is_relative_to(trace) or (
        inner and any(fnmatch(inner[0], one) for one in (*own, f"{DRAFT}*"))
    ):
        raise OutputError(
            f"{trace}: a trace must not stand where the output has a file of its own: choose "
            f"another name. Received: the output {output}"
        )


def inputs_of(spec: Spec) -> dict[str, Path]:
    """What a run of the spec's task reads: what it is called -> where it is."""
    told = {f"task.{name}": path for name, path in task_of(spec).inputs(spec.folder).items()}
    if spec.source.file is not None:
        told["the spec"] = Path(spec.source.file)
    return told
