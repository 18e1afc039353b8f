"""The batches of a training loop, and the seed that orders them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dualtrain.reading import Event, Instance, Known, ListValue, Made, Place, Unknown, Value
from dualtrain.recipes._clock import Clock, clock_of, deep, names_of, same_tree, unwrapped
from dualtrain.recipes._configured import configured, of_processes, reached, settings
from dualtrain.recipes._found import found, implied, with_why
from dualtrain.recipes._record import Found, Hazard
from dualtrain.recipes._seen import Part, Seen, inside
from dualtrain.recipes._source_lines import text_of

__all__ = ["batch_size_of", "batches_part", "quotient_of_batches", "seed_of", "sizes_of"]

POSITIONS = {
    "torch.utils.data.DataLoader": 1,
    "paddle.io.DataLoader": 5,
    "torch.utils.data.BatchSampler": 1,
    "torch.utils.data.sampler.BatchSampler": 1,
    "paddle.io.BatchSampler": 3,
    "paddle.io.DistributedBatchSampler": 1,
    "paddle.batch": 1,
}
"""Where the batch size stands among the arguments of what makes batches."""

SIZES = ("batch_size", "batch_size_per_card", "train_batch_size", "bs")
TOKENS = ("max_tokens", "tokens_per_batch", "batch_tokens", "max_tokens_per_batch")
"""Attributes and parameters of samplers of the program's own."""

BATCH = re.compile(r"(^|_)batch_?size($|_)")
ASIDE = re.compile(r"eval|test|valid|dev|pred|infer|sample|log")
"""Names of batches that are not those of training."""

SEEDS = frozenset(
    [
        "paddle.seed",
        "paddle.framework.seed",
        "paddle.manual_seed",
        "paddle.framework.random.manual_seed",
        "torch.manual_seed",
        "torch.random.manual_seed",
        "transformers.set_seed",
        "transformers.trainer_utils.set_seed",
        "paddlenlp.trainer.set_seed",
        "paddlenlp.utils.seed.set_seed",
        "paddlenlp.utils.tools.set_seed",
        "paddlenlp.trainer.trainer_utils.set_seed",
        "paddlenlp.transformers.set_seed",
        "accelerate.utils.set_seed",
        "pytorch_lightning.seed_everything",
        "lightning.seed_everything",
        "lightning.pytorch.seed_everything",
        "timm.utils.random_seed",
        "mmcv.runner.set_random_seed",
    ]
)
"""What sets the framework's seed."""


def batches_part(seen: Seen) -> Part:
    """`batch_size` and `seed`."""
    part, clock = Part(), clock_of(seen)
    seed = seed_of(seen, clock)
    if seed is not None:
        part.fields["seed"] = seed
    if clock is None:
        return part
    size = next(_sizes(clock), None) or _constant(clock) or _one_by_one(clock)
    if size is None and (flag := _only_flag(seen)) is not None:
        said = with_why(found(flag), "the only batch size that the program asks for")
        part.fields["batch_size"] = said
        return part
    if size is None:
        text = "the loop's batches come from what could not be followed"
        part.fields["batch_size"] = Found(None, "unknown", clock.loop.place, why=text)
        return part
    value, tokens = size
    part.fields["batch_size"] = value if isinstance(value, Found) else batch_size_of(value)
    place = clock.loop.place
    named = set() if isinstance(value, Found) else names_of(value)
    if tokens or any("token" in name for name in named):
        part.hazards.append(Hazard("batch_in_tokens", place, "a batch is counted in tokens"))
    divided = not isinstance(value, Found) and _divided(value, clock)
    divided = divided or (clock.size is not None and bool(quotient_of_batches(seen, clock.size)))
    if divided:
        text = "batch_size is divided by the accumulation: it is the batch of an update"
        part.hazards.append(Hazard("batch_is_effective", place, text))
    return part


def batch_size_of(value: Value) -> Found:
    """A batch size as it is configured for each process."""
    return found(configured(value))


def sizes_of(loader: Value) -> Iterator[Value | Found]:
    """Batch sizes of what makes batches, the nearest first."""
    for value, _ in _of_loader(loader):
        yield value


def quotient_of_batches(seen: Seen, value: Value) -> Place | None:
    """Where a number is computed as one batch size over another; None where it is not."""
    for one in reached(value):
        if isinstance(one, (Known, Unknown)) and one.op in ("//", "/") and one.origin.place:
            place = one.origin.place
            lines = text_of(seen.program, place.file).splitlines()
            if 0 < place.line <= len(lines) and QUOTIENT.search(lines[place.line - 1]):
                return place
    return None


QUOTIENT = re.compile(r"batch\w*\s*//?\s*\(?\s*[\w.]*batch", re.IGNORECASE)


def _divided(value: Value, clock: Clock) -> bool:
    """Whether the size of an accumulation divides a batch size."""
    size = clock.size
    if size is None:
        return False
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, (Known, Unknown)):
            if one.op in ("//", "/") and same_tree(one.operands[1], size):
                return True
            stack += one.operands
    return False


def _sizes(clock: Clock) -> Iterator[tuple[Value | Found, bool]]:
    """Batch sizes of what gives the loop its batches, the nearest first; whether they count
    tokens."""
    loops = [clock.loop, *reversed(clock.around)]
    sources = [one for one in (unwrapped(loop.over) for loop in loops[:1]) if one is not None]
    sources += [e.args[0] for e in clock.inside() if e.path == "builtins.next" and e.args]
    sources += [one for one in (unwrapped(loop.over) for loop in loops[1:]) if one is not None]
    for over in sources:
        yield from _of_loader(over)


def _of_loader(over: Value) -> Iterator[tuple[Value | Found, bool]]:
    for one in _held(over):
        if isinstance(one, Instance):
            yield from _of_instance(one)
        elif isinstance(one, Made):
            yield from _of_made(one)


def _of_made(made: Made) -> Iterator[tuple[Value | Found, bool]]:
    sampler = made.kwargs.get("batch_sampler")
    if sampler is not None and not _is_none(sampler):
        yield from _of_loader(sampler)
    for names, tokens in ((SIZES, False), (TOKENS, True)):
        for name in names:
            if name in made.kwargs and not _is_none(made.kwargs[name]):
                yield made.kwargs[name], tokens
    at = POSITIONS.get(made.path)
    if at is not None and len(made.args) > at:
        yield made.args[at], False
    elif at is not None and not {"**", "*", "batch_sampler", "batch_size"} & set(made.kwargs):
        data = made.args[0] if made.args else made.kwargs.get("dataset")
        if data is not None and not any(isinstance(one, Instance) for one in inside(data)):
            yield implied(1, made.path, made.place), False


def _held(value: Value) -> Iterator[Value]:
    """A value and what it takes its elements from, the nearest first."""
    queue, met = [value], set[int]()
    while queue:
        one = queue.pop(0)
        if id(one) in met:
            continue
        met.add(id(one))
        yield one
        match one:
            case Made():
                queue += [*one.args, *one.kwargs.values()]
                queue += [one.receiver] if one.receiver is not None else []
            case ListValue():
                queue += one.values[:8]
                queue += [one.over] if one.over is not None else []
            case Unknown(op="if"):
                queue += one.operands[1:]
            case Unknown(
                op="item", operands=(Made(path=path, args=args), Known(value=int(at)))
            ) if path.endswith((".prepare", ".setup", ".setup_dataloaders")) and at < len(args):
                queue.append(args[at])
            case Unknown(op="element" | "item" | "attr" | "index"):
                queue.append(one.operands[0])


def _of_instance(made: Instance) -> Iterator[tuple[Value | Found, bool]]:
    for names, tokens in ((SIZES, False), (TOKENS, True)):
        for name in names:
            for key in (name, f"_{name}"):
                value = made.cells.get(key)
                if isinstance(value, (Known, Unknown)) and not _is_none(value):
                    yield value, tokens
    for value in made.cells.values():
        if isinstance(value, Made) and value.path in POSITIONS:
            yield from _of_loader(value)


def _is_none(value: Value) -> bool:
    return isinstance(value, Known) and value.value is None


def _constant(clock: Clock) -> tuple[Value, bool] | None:
    """A constant of the entry called `batch_size`, of a loop without a loader whose batches are
    made with it."""
    seen = clock.seen
    for name in ("batch_size", "BATCH_SIZE", "train_batch_size"):
        value = seen.program.entry.cells.get(name)
        if not isinstance(value, Known) or not isinstance(value.value, int) or value is clock.size:
            continue
        if any(one is value for made in _makes(clock) for one in deep(made)):
            return value, False
    return None


def _makes(clock: Clock) -> Iterator[Value]:
    """What goes into a loop's rounds: what it goes over, and what is called in them."""
    for loop in (clock.loop, *clock.around):
        yield from (one for one in (loop.over, loop.test) if one is not None)
    for event in clock.inside():
        yield from (*event.args, *event.kwargs.values())


def _one_by_one(clock: Clock) -> tuple[Found, bool] | None:
    """Of a loop that goes through a data set itself, without a loader."""
    over = unwrapped(clock.loop.over)
    if isinstance(over, Instance) and over.of.library.rpartition(".")[2] == "Dataset":
        return implied(1, f"{over.of.library}, whose samples come one by one", over.place), False
    return None


def _only_flag(seen: Seen) -> Known | None:
    """The batch size that is given to something, where there is one for training only."""
    named: dict[str, Known] = {}
    for one in seen.program.events:
        converted = [one.result] if one.path == "builtins.int" else []
        for value in (*one.args, *one.kwargs.values(), *converted):
            if isinstance(value, (Known, Unknown)):
                for setting in settings(value):
                    name = setting.origin.name.strip("-").replace("-", "_").lower()
                    text = isinstance(setting.value, str)  # before its own conversion
                    if BATCH.search(name) and not ASIDE.search(name) and not text:
                        named[name] = setting
    return next(iter(named.values())) if len(named) == 1 else None


# The seed


def seed_of(seen: Seen, clock: Clock | None) -> Found | None:
    """The framework's seed; None where none is set."""
    base = clock.base if clock is not None else ()
    maybe: Event | None = None
    for one in seen.program.events:
        value = _seed(one)
        if value is None:
            continue
        own = [c for c in one.context.conditions if c not in base]
        if any(c.taken is False and not _shared(c, base) for c in own):
            continue
        made = configured(value)
        if _is_none(made):
            continue
        if all(c.taken is not None or of_processes(c.test) for c in own):
            return found(made)
        maybe = maybe or one
    if maybe is None:
        return _of_others(seen)
    text = "set under a condition that the text does not tell"
    return Found(None, "unknown", maybe.place, why=text)


def _of_others(seen: Seen) -> Found | None:
    """Where a seed of the command or configuration reaches the generators of Python and numpy, and
    the framework's does not."""
    for one in seen.program.events:
        seeds = one.path in ("random.seed", "numpy.random.seed") and one.context.real
        value = configured(one.args[0]) if seeds and one.args else None
        if isinstance(value, Known) and value.origin.name and not _is_none(value):
            why = f"{one.path} takes {value.value}, and the framework's generator takes no seed"
            return Found(None, "unknown", one.place, "", value.origin.name, why)
    return None


def _shared(condition: object, base: tuple[object, ...]) -> bool:
    """Whether a branch not entered is one of the training's own: another reading of it."""
    place, holds = getattr(condition, "place", None), getattr(condition, "holds", None)
    return any(
        getattr(one, "place", None) == place and getattr(one, "holds", None) is holds
        for one in base
    )


def _seed(event: Event) -> Value | None:
    if event.kind == "store" and event.path == ".random_seed" and event.args:
        return event.args[0]
    if event.kind != "call" or event.path not in SEEDS:
        return None
    return event.args[0] if event.args else next(iter(event.kwargs.values()), None)
