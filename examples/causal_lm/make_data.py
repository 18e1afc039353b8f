"""Make the example's data: Python's documentation as plain text.

The text comes with Python itself (`pydoc_data.topics`, what `help("with")` prints). The same Python
version makes the same files.

    python make_data.py        writes data/train.txt and data/eval.txt next to this file
"""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics

EVAL, TRAIN = 20_000, 120_000
"""Characters in the two splits."""


def main() -> None:
    """Write both splits: paragraphs, each once, in the order of the topics' names."""
    blocks = (" ".join(b.split()) for name in sorted(topics) for b in topics[name].split("\n\n"))
    text = "\n".join(dict.fromkeys(block for block in blocks if block))
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    for name, part in (("train", text[EVAL : EVAL + TRAIN]), ("eval", text[:EVAL])):
        (folder / f"{name}.txt").write_text(part, encoding="utf-8")
        print(f"{name}.txt: {len(part)} characters")


if __name__ == "__main__":
    main()
