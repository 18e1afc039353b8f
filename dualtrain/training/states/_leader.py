"""A run leaves its states: what `dualtrain.training.follow` goes on from, update by update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from dualtrain.errors import OutputError, PlanError
from dualtrain.files import reason
from dualtrain.lockstep import FILES, Led, States, led_file, write_led, write_states
from dualtrain.outputs import check_apart, check_folder, check_room, drafted, publish
from dualtrain.spec import Spec
from dualtrain.training.loop._loop import Leads
from dualtrain.training.loop._update import Made
from dualtrain.training.run._header import describe
from dualtrain.training.run._run import Run
from dualtrain.training.states._passes import passing
from dualtrain.training.turns._evaluations import may_end_after

__all__ = ["Leader", "check_states", "judged_updates", "leading"]

STATES = "the states"


def judged_updates(total: int, every: int, ends: Iterable[int] = ()) -> tuple[int, ...]:
    """Every so many of the updates, the last too.

    ends: after how many updates the run may end before; the last one of each is judged, too.

    >>> judged_updates(10, 4, [6])
    (0, 4, 5, 8, 9)
    """
    return tuple(sorted({*range(0, total, every), *(made - 1 for made in ends), total - 1}))


def check_states(
    spec: Spec,
    states: Path | str | None,
    every: int,
    *,
    output: Path | str | None,
    inputs: Mapping[str, Path] | None = None,
) -> None:
    """Refuse what could not be written, or should not be replaced, and an `every` that is none.

    inputs: what the run reads, see `inputs_of`. Raises `OutputError` or `PlanError`.
    """
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise PlanError(f"every must be a whole number >= 1. Received: {every!r}")
    if states is None:
        return
    folder = Path(states)
    check_apart(folder, STATES, inputs or {})
    check_folder(folder, STATES, FILES)
    if spec.duration.time_limit is not None:
        raise PlanError(
            f"{STATES} have the last update of a run, and with a time limit no one knows which it "
            f"is: leave one of the two out. Received: time_limit {spec.duration.time_limit:g}"
        )
    if output is not None and folder.resolve() == Path(output).resolve():
        raise OutputError(
            f"{folder}: {STATES} must have a folder of their own: choose another. Received: the "
            "output"
        )


class Leader:
    """Writes the states before and after each judged update, and its gradients, as the run goes.

    The run is not disturbed: what it makes is the same to the bit. Until it has made all of its
    updates the folder is a draft, and what stood there before stays. Of several processes the first
    one writes; where a model is split all give what they hold.

    Raises `OutputError` for what cannot be written, or has no room.
    """

    def __init__(self, run: Run, folder: Path, every: int) -> None:
        self._run, self._folder = run, folder
        self._writes = run.processes.world.leads
        self._gives = self._writes or run.processes.shard != "none"
        self._judged = judged_updates(run.plan.total_updates, every, may_end_after(run.plan))
        self._is_judged = frozenset(self._judged)
        self._draft = folder

    @contextmanager
    def open(self) -> Iterator[Leader]:
        """The block that makes the updates; published when it ends well."""
        header, total = describe(self._run), self._run.plan.total_updates
        if not self._writes:
            yield self
            return
        with drafted(self._folder, STATES) as self._draft:
            states = States(header=header, judged=self._judged, total=total)
            with self._writing():
                write_states(self._draft, states)
            yield self
            made = self._run.attempts
            with self._writing():
                if made < total:
                    judged = tuple(attempt for attempt in self._judged if attempt < made)
                    write_states(self._draft, replace(states, judged=judged, total=made))
                publish(self._draft, self._folder)

    def led(self, update: Callable[[], Made]) -> Made:
        """Make an update, and write it down if it is one to be judged."""
        run, attempt = self._run, self._run.attempts
        if attempt not in self._is_judged:
            return update()
        made = self._seen(update) if self._gives else update()
        run.processes.meet()
        return made

    def _seen(self, update: Callable[[], Made]) -> Made:
        run, attempt, before = self._run, self._run.attempts, self._run.state()
        with passing(run) as seen:
            made = update()
        led = Led(
            attempt=attempt,
            batches=made.digests,
            before=before,
            passed=seen.passed(run.backend.numbers([loss.given for loss in made.losses])),
            after=run.state(),
        )
        if self._writes:
            self._write(led)
        return made

    def _write(self, led: Led) -> None:
        with self._writing():
            write_led(self._draft, led)
        if led.attempt == 0:
            size = led_file(self._draft, led.attempt).stat().st_size
            check_room(self._draft, size * (len(self._judged) - 1), STATES)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            rule = f"{STATES} must be where files can be written"
            raise OutputError(f"{self._folder}: {rule}. Received: {reason(error)}") from error


@contextmanager
def leading(run: Run, states: Path | str | None, every: int) -> Iterator[Leads | None]:
    """What makes the updates of a run that leaves states; None for one that does not."""
    with ExitStack() as opened:
        leads = None
        if states is not None:
            run.processes.check_state()
            leads = opened.enter_context(Leader(run, Path(states), every).open()).led
        yield leads
