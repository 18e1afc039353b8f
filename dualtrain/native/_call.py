"""A row of the table native call <-> words, and how it is read in both directions.

`Words` are what a spec says, flat: {"schedule.name": "step", "schedule.every": 30}. A `Call` is
what a script says. A `Row` holds for one native class or function (of one that means several
things, for one meaning): which argument says which word, what the call means beside, and how equal
both are. `Row.read` goes from a call to words, `Row.write` back; both refuse with a reason.

No framework is imported: a native object is a dotted name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "REQUIRED",
    "Argument",
    "Call",
    "Equality",
    "Fixed",
    "Refusal",
    "Row",
    "Words",
    "flat",
    "item",
    "nested",
    "word",
]

Words = Mapping[str, Any]
"""What a spec says, by dotted path. What the spec leaves out, at its default, is not there."""

Equality = Literal["exact", "rounded", "different", "refused"]
"""exact: equal at every update, 0 ULP; rounded: equal but for rounding; different: another rule;
refused: the spec cannot say it."""


class Refusal(ValueError):
    """One side cannot say what the other says; the text has the reason."""


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""Instead of a default: it must be given."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a native class or function, without the optimizer or the parameters it is for."""

    name: str
    """Dotted, as `torch.optim.lr_scheduler.StepLR`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """By keyword; a value may be a `Call` itself."""

    @property
    def short_name(self) -> str:
        """Without the module."""
        return self.name.rpartition(".")[2]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={_shown(value)}" for name, value in self.arguments.items())
        return f"{self.short_name}({given})"


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A native argument, and the words that it says; `word` and `item` make the common ones."""

    words: tuple[str, ...]
    """All that it may say; a whole part, such as `schedule`, where it is a call itself."""
    default: Any = REQUIRED
    """The native one."""
    read: Callable[[Any, Words, Mapping[str, Any]], Words]
    """(the value, the words read so far, all arguments) -> the words that it adds."""
    write: Callable[[Words], Any]
    """All words -> the value."""


@dataclass(frozen=True)
class Fixed:
    """What an argument must be, for the row to hold."""

    value: Any
    default: Any = REQUIRED
    """The native one."""


def word(
    path: str,
    default: Any = REQUIRED,
    *,
    absent: Any = REQUIRED,
    read: Callable[[Any, Words], Any] = lambda value, words: value,
    write: Callable[[Any, Words], Any] = lambda value, words: value,
) -> Argument:
    """An argument that says one word.

    absent: what the word is where the spec leaves it out.
    read, write: the conversion, where the number is not the same; each is given the other words.

    >>> half_waves = word("schedule.half_waves", 0.5, read=lambda n, _: 2 * n,
    ...     write=lambda h, _: h / 2)
    >>> half_waves.read(0.5, {}, {}), half_waves.write({"schedule.half_waves": 3.0})
    ({'schedule.half_waves': 1.0}, 1.5)
    """

    def to_words(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        said = read(value, words)
        return {} if absent is not REQUIRED and said == absent else {path: said}

    def to_value(words: Words) -> Any:
        if path not in words and absent is REQUIRED:
            raise Refusal(f"needs {path}")
        return write(words.get(path, absent), words)

    return Argument(words=(path,), default=default, read=to_words, write=to_value)


def item(path: str, index: int, default: Any = REQUIRED) -> Argument:
    """An argument that says one item of a word that is a list: Paddle's beta1 of `betas`.

    The arguments of one list stand in a row in the order of its items.
    """

    def to_words(value: Any, words: Words, given: Mapping[str, Any]) -> Words:
        return {path: (*words.get(path, ())[:index], value)}

    def to_value(words: Words) -> Any:
        if path not in words:
            raise Refusal(f"needs {path}")
        return words[path][index]

    return Argument(words=(path,), default=default, read=to_words, write=to_value)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One native class or function, or one meaning of it."""

    library: str
    """torch, paddle, paddlenlp or transformers."""
    name: str
    """Dotted."""
    scope: tuple[str, ...]
    """The parts of a spec that such a call speaks of: schedule, warmup, horizon. What they say and
    the row has no word for cannot be written."""
    means: Words = field(default_factory=dict)
    """What each such call says, whatever its arguments; empty where it is refused."""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    """In the order in which they are read: what a conversion needs of others comes before it."""
    fixed: Mapping[str, Fixed] = field(default_factory=dict)
    """Arguments that must have one value for this meaning."""
    free: tuple[str, ...] = ()
    """Arguments that change no number of a run from its start, such as `verbose`."""
    when: Callable[[Mapping[str, Any], Words], bool] = lambda given, around: True
    """(arguments with the native defaults, the words around) -> whether the row holds."""
    equal: Equality = "exact"
    because: str = ""
    """How it is not exact, or why it is refused; empty if it is exact."""
    past: str = ""
    """What the native object does past the horizon, where the spec does another thing."""
    rate: Callable[[Words], float] = lambda words: words["optimizer.lr"]
    """The rate that the optimizer itself is given, beside the call that says these words."""
    drives: bool = False
    """Whether a backend drives a run by it: only what is exact at every update, with any
    arguments, past the end too."""

    def holds(self, arguments: Mapping[str, Any], around: Words) -> bool:
        """Whether a call with these arguments has this row's meaning."""
        given = {**self.defaults(), **arguments}
        if not all(k in given and given[k] == fixed.value for k, fixed in self.fixed.items()):
            return False
        missing = self.arguments.keys() - given.keys()  # `read` says so
        return bool(missing) or self.when(given, around)

    def defaults(self) -> dict[str, Any]:
        """The native defaults of the arguments that matter."""
        matter: dict[str, Argument | Fixed] = {**self.arguments, **self.fixed}
        return {k: a.default for k, a in matter.items() if a.default is not REQUIRED}

    def read(self, arguments: Mapping[str, Any], around: Words | None = None) -> dict[str, Any]:
        """The words that a call says; those around it, such as the optimizer's rate, included.

        Raises `Refusal` for arguments that the row does not know, and where it is a refusal.
        """
        around = {} if around is None else around
        if self.equal == "refused":
            raise Refusal(self.because)
        unknown = arguments.keys() - {*self.arguments, *self.fixed, *self.free}
        if unknown:
            raise Refusal(f"no word is known for {', '.join(sorted(unknown))}")
        if not self.holds(arguments, around):
            raise Refusal("these arguments have another meaning")
        if (begun := arguments.get("last_epoch", -1)) != -1:
            raise Refusal(
                f"last_epoch {begun} begins in the middle of the schedule: what a run goes on from "
                "is its state, no word of a spec"
            )
        given = {**self.defaults(), **arguments}
        words = {**around, **self.means}
        for name, argument in self.arguments.items():
            if name not in given:
                raise Refusal(f"needs {name}")
            words.update(argument.read(given[name], words, given))
        for path, value in words.items():
            if isinstance(value, Call):
                raise Refusal(f"{path} must be a plain value. Received: {value}")
        return words

    def write(self, words: Words) -> dict[str, Any]:
        """The arguments of the call that says these words.

        Raises `Refusal` where the call has no argument for one of them.
        """
        if self.equal == "refused":
            raise Refusal(self.because)
        for path, value in self.means.items():
            if words.get(path, False if value is False else None) != value:
                raise Refusal(f"has {path} {value!r}, always")
        said = {path for a in self.arguments.values() for path in a.words} | self.means.keys()
        unsaid = [
            path
            for path in words
            if (part := path.partition(".")[0]) in self.scope and not said & {path, part}
        ]
        if unsaid:
            raise Refusal(f"has no argument for {', '.join(unsaid)}")
        given = {name: argument.write(words) for name, argument in self.arguments.items()}
        given |= {name: fixed.value for name, fixed in self.fixed.items()}
        if not self.holds(given, words):
            raise Refusal("these words are another call")
        defaults = self.defaults()
        return {k: v for k, v in given.items() if v is not None or defaults.get(k, v) is not None}


def flat(parts: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Parts of a spec as words.

    >>> flat({"schedule": {"name": "linear"}, "horizon": 9})
    {'schedule.name': 'linear', 'horizon': 9}
    """
    words: dict[str, Any] = {}
    for name, value in parts.items():
        if isinstance(value, Mapping):
            words |= flat(value, f"{path}{name}.")
        else:
            words[f"{path}{name}"] = value
    return words


def nested(words: Words, parts: Iterable[str] | None = None) -> dict[str, Any]:
    """Words as the parts of a spec; of these parts, if they are given.

    >>> nested({"schedule.name": "linear", "horizon": 9})
    {'schedule': {'name': 'linear'}, 'horizon': 9}
    """
    wanted = None if parts is None else set(parts)
    found: dict[str, Any] = {}
    for path, value in words.items():
        *around, last = path.split(".")
        if wanted is not None and path.partition(".")[0] not in wanted:
            continue
        part = found
        for step in around:
            part = part.setdefault(step, {})
        part[last] = value
    return found


def _shown(value: Any) -> str:
    match value:
        case list() | tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case float():
            return f"{value:g}"
        case str():
            return repr(value)
        case _:
            return str(value)
