"""Make the example's data: paragraphs of Python's documentation, and the subject each is about.

The text comes with Python itself (`pydoc_data.topics`, what `help("with")` prints), so this needs
neither a download nor a package. A paragraph's class is the subject of the chapter its topic is
from. The same Python version makes the same files; versions differ by some paragraphs.

    python make_data.py        writes data/train.csv and data/eval.csv next to this file
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from pydoc_data.topics import topics

SUBJECTS = {
    "statements": """
        assert assignment augassign break class compound continue del else for function global if
        import nonlocal pass raise return try while with""",
    "special methods": """
        attribute-access callable-types customization numeric-types sequence-types specialnames""",
    "strings": "formatstrings string-methods strings",
    "containers": "dict typesmapping typesseq typesseq-mutable",
    "debugger": "debugger",
}
"""Subject -> its topics. Topics that are about several subjects are left out."""

SHORTEST = 40
"""Characters; a shorter paragraph is a heading or a signature and goes with the one after it."""

EVAL, TRAIN = 180, 836
"""Paragraphs in the two splits: fixed, so that a run has as many updates with every Python."""


def paragraphs(topic: str) -> Iterator[tuple[str, str]]:
    """(heading or "", paragraph) of each paragraph of prose, white space collapsed."""
    heading = ""
    for block in topics[topic].split("\n\n"):
        lines = [line for line in block.splitlines() if any(map(str.isalnum, line))]
        paragraph = " ".join(" ".join(lines).split())
        if len(paragraph) < SHORTEST:
            heading = paragraph
            continue
        if sum(map(str.isalpha, paragraph)) > len(paragraph) / 2:  # not code
            yield heading, paragraph
        heading = ""


def collect() -> dict[str, tuple[str, str]]:
    """Paragraph -> (text, subject), each paragraph once; without those that two subjects share."""
    found: dict[str, tuple[str, str]] = {}
    shared = set()
    for subject, names in SUBJECTS.items():
        for topic in names.split():
            for heading, paragraph in paragraphs(topic):
                text = f"{heading} {paragraph}".strip()
                if found.setdefault(paragraph, (text, subject))[1] != subject:
                    shared.add(paragraph)
    return {paragraph: row for paragraph, row in found.items() if paragraph not in shared}


def shuffled(paragraphs: Iterable[str]) -> list[str]:
    """In the order of their SHA-256: as good as random, and the same everywhere."""
    return sorted(paragraphs, key=lambda p: hashlib.sha256(f"0 {p}".encode()).digest())


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    """Write a split and print what is in it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows(rows)
    counts = Counter(subject for _, subject in rows)
    print(f"{path.name}: {len(rows)} paragraphs")
    for subject in SUBJECTS:
        print(f"    {counts[subject]:3}  {subject}")
    print(
        f"    always answering {max(counts, key=counts.__getitem__)!r} is right in "
        f"{max(counts.values()) / len(rows):.1%}"
    )


def main() -> None:
    """Write both splits; no paragraph is in both."""
    rows = collect()
    if len(rows) < EVAL + TRAIN:
        raise SystemExit(f"there must be {EVAL + TRAIN} paragraphs. Received: {len(rows)}")
    order = shuffled(rows)
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    write(folder / "eval.csv", [rows[p] for p in order[:EVAL]])
    write(folder / "train.csv", [rows[p] for p in order[EVAL : EVAL + TRAIN]])


if __name__ == "__main__":
    main()
