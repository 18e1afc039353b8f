"""A command called in this process, and what is wrong with how it answered."""

from __future__ import annotations

import contextlib
import io
import re
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dualtrain.cli import main
from dualtrain.errors import DualtrainError

__all__ = ["REFUSED", "Answer", "answer_of", "call", "complaints", "hidden"]

REFUSED = 2
CRASHED = 3
MOST_LINES, MOST_CHARACTERS = 40, 8_000
"""Of a refusal: a spec's has a line for each thing wrong, a checkpoint's for each tensor."""

_LIBRARIES = re.compile(
    r"(?<![\w'\"\\])([A-Za-z_.]*[a-z](Error|Exception)\b(?!')|\[Errno|Traceback|Warning:)|"
    r"errors\.pydantic\.dev|Unable to allocate|<class '|object at 0x"
)
"""What a library would say, and nobody who words a message for a user."""


_SHOWN = r"\n\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff"
_HIDDEN = re.compile(f"[^{_SHOWN}]")
"""What a terminal obeys instead of showing it, and what turns the direction of writing."""


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def call(*arguments: object) -> Answer:
    """Run a command of dualtrain."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code: object = None  # `main` always exits
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    return Answer(code if isinstance(code, int) else CRASHED, out.getvalue(), err.getvalue())


def answer_of(work: Callable[[], object]) -> Answer:
    """The same for what no command does without a framework, with `main`'s exit statuses."""
    try:
        work()
    except (DualtrainError, OSError) as error:
        return Answer(REFUSED, "", str(error))
    except Exception:
        return Answer(CRASHED, "", traceback.format_exc())
    return Answer(0, "", "")


def complaints(answer: Answer, folder: Path, *, allowed: Collection[int]) -> Iterator[str]:
    """What is wrong with an answer, whatever was asked.

    folder: a refusal names a file in it. allowed: the exit statuses that there are.
    """
    if answer.status not in allowed:
        yield f"exit status {answer.status}: {answer.err[-2000:]}"
        return
    for where, text in (("output", answer.out), ("message", answer.err)):
        yield from hidden(where, text)
    told = _LIBRARIES.search(answer.err)
    if told:
        yield f"a library's words {told[0]!r}: {answer.err[:600]}"
    if answer.status != REFUSED:
        return
    if str(folder) not in answer.err:
        yield f"the message names no file: {answer.err[:600]!r}"
    lines = answer.err.strip().count("\n") + 1
    if lines > MOST_LINES or len(answer.err) > MOST_CHARACTERS:
        yield f"a message of {lines} lines, {len(answer.err)} characters: {answer.err[:600]}"


def hidden(where: str, text: str) -> Iterator[str]:
    """What a text for people has that is not shown to them."""
    odd = set(_HIDDEN.findall(text))
    if odd:
        yield f"raw characters in the {where}: {sorted(map(ascii, odd))} in {text[:300]!a}"
