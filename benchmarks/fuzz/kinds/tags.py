"""Files of tagged sentences: what is taken is what an independent reader finds, and is BIO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.fuzz._bytes import changed_line, damaged
from benchmarks.fuzz._call import REFUSED, answer_of, call, complaints
from benchmarks.fuzz._kind import Judgement, Kind, damage
from benchmarks.fuzz._trees import parsed, quoted
from dualtrain.spec import load_spec

__all__ = ["Tags"]

SENTENCES = (
    ("Ada B-PER", "Lovelace I-PER", "met O", "Babbage B-PER"),
    ("-DOCSTART- O",),
    ("in O", "S\u00e3o B-LOC", "Paulo I-LOC", ", O", "Rio B-LOC"),
    ("\u5317\u4eac B-LOC", "\U0001f341 O"),
    ("I O", "B-LOC O", "[bold]x[/] B-PER"),
)
SPEC = """\
optimizer: {{name: adamw, lr: 0.1}}
schedule: {{name: linear}}
batch: {{size: 2}}
duration: {{epochs: 2}}
task: {{name: token_classification, train: train{0}, eval: eval{0}, tokens: words, labels: tags,
  model: {{family: bert, hidden_size: 8, layers: 1, heads: 2, max_length: 8}}}}
"""
OTHERS = ("O", "B-PER", "I-PER", "I-LOC", "B-", "-", "b-PER", "B_PER", "E-PER", "S-PER", "0", "")
"""Tags that may stand in a tag's place."""

MOST = 10_000
"""Bytes from which a tokenizer is learnt: a word of 100,000 letters takes it 8 seconds."""

Sentence = tuple[list[str], list[str]]


class Tags(Kind):
    """CoNLL columns and JSON Lines of words with a BIO tag each, through `check`."""

    name = "tags"

    def make(self, folder: Path) -> None:
        """Two columns, CoNLL-2003's four, and JSON Lines."""
        for name, ending, write in (
            ("two", ".conll", _conll),
            ("four", ".conll", lambda part: _conll(part, " NN O ")),
            ("lists", ".jsonl", _jsonl),
        ):
            here = folder / name
            here.mkdir()
            (here / "spec.yaml").write_text(SPEC.format(ending), "utf-8")
            for split, part in (("train", SENTENCES), ("eval", SENTENCES[2:])):
                (here / f"{split}{ending}").write_text(write(part), "utf-8", newline="")

    def mutate(self, draw: Random, folder: Path) -> str:
        """Another tag, a change to a JSON value or to bytes, or to what stands there."""
        return damage(draw, draw.choice(sorted(folder.glob("[te]*.*"))), _change)

    def judge(self, original: Path, folder: Path) -> Judgement:
        """`check`, and the sentences."""
        spec = folder / "spec.yaml"
        answer = call("check", spec)
        faults = list(complaints(answer, folder, allowed=(0, REFUSED)))
        if "not planned" in answer.out:  # the file is not there
            return Judgement("not there", tuple(faults))
        if answer.status:
            return Judgement("refused", tuple(faults))
        if all(path.stat().st_size < MOST for path in folder.glob("[te]*.*")):
            prepared = answer_of(lambda: _task(spec).prepare(folder))
            faults += complaints(prepared, folder, allowed=(0, REFUSED))
        return Judgement("accepted", (*faults, *_unlike(spec)))


def _change(draw: Random, data: bytes, path: Path) -> tuple[bytes, str]:
    tags = list(re.finditer(rb"\b[BI]-[A-Z]+|\bO\b", data))
    if tags and draw.random() < 0.4:
        tag, new = draw.choice(tags), draw.choice(OTHERS).encode()
        changed = data[: tag.start()] + new + data[tag.end() :]
        return changed, f"{tag[0].decode()} at byte {tag.start()} becomes {new!r}"
    in_line = path.suffix == ".jsonl" and draw.random() < 0.6
    return changed_line(draw, data) if in_line else damaged(draw, data)


def _conll(part: tuple[tuple[str, ...], ...], between: str = "\t") -> str:
    blocks = ("\n".join(between.join(word.split(" ")) for word in one) for one in part)
    return "\n\n".join(blocks) + "\n"


def _jsonl(part: tuple[tuple[str, ...], ...]) -> str:
    lines = []
    for one in part:
        words, tags = zip(*(word.split(" ") for word in one), strict=True)
        lists = (f"[{', '.join(map(quoted, texts))}]" for texts in (words, tags))
        lines.append(
            "{" + ", ".join(map(": ".join, zip(('"words"', '"tags"'), lists, strict=True)))
        )
    return "".join(f"{line}}}\n" for line in lines)


def _task(spec: Path) -> Any:
    return load_spec(spec).task


def _unlike(spec: Path) -> Iterator[str]:
    """Where the sentences that were taken are not those of the file, or no BIO."""
    splits = dict(zip(("train", "eval"), _task(spec)._read(spec.parent), strict=True))
    for name, table in splits.items():
        path = next(spec.parent.glob(f"{name}.*"))
        taken = [(one.words, one.tags) for one in table.sentences]
        try:
            found = list((_read_conll if path.suffix == ".conll" else _read_jsonl)(path))
        except (ValueError, KeyError, IndexError) as error:
            yield f"{path.name} is accepted, but cannot be read: {type(error).__name__}: {error}"
            continue
        if taken != found:
            yield f"{path.name}: taken are {taken!r:.600}, there are {found!r:.600}"
        wrong = [tags for _, tags in found if not _BIO.fullmatch("".join(f"{t}\0" for t in tags))]
        if wrong:
            yield f"{path.name} is accepted, though tags are no BIO: {wrong!r:.300}"


_BIO = re.compile("(?:O\0|B-([^\0]+)\0(?:I-\\1\0)*)*")
"""A sentence's tags with a NUL behind each: an entity is a B and its own I behind it."""


def _read_conll(path: Path) -> Iterator[Sentence]:
    """Columns are apart by spaces and tabs alone: a word may hold any other white space."""
    for block in re.split(r"\n(?:[ \t\r]*\n)+", path.read_bytes().decode("utf-8-sig")):
        rows = [re.findall(r"[^ \t]+", line.strip(" \t\r")) for line in block.split("\n")]
        rows = [row for row in rows if row]
        if rows and [row[0] for row in rows] != ["-DOCSTART-"]:
            if min(map(len, rows)) < 2:
                raise ValueError("a line without a tag")
            yield [row[0] for row in rows], [row[-1] for row in rows]


def _read_jsonl(path: Path) -> Iterator[Sentence]:
    for line in path.read_bytes().decode("utf-8-sig").split("\n"):
        if line.strip():
            row = parsed(line)
            words, tags = row["words"], row["tags"]
            if len(words) != len(tags) or not words:
                raise ValueError("not one tag for each word")
            yield words, tags
