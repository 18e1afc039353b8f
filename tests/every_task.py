"""A small spec of every task, with its data: for what all of them promise alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dualtrain.spec import Spec
from tests.conformance import test_image_classification as images
from tests.conformance import test_module_task as module
from tests.parity import test_causal_lm as language
from tests.parity import test_text_pairs as pairs
from tests.parity import test_token_classification as tags
from tests.tasks import number_spec, small_spec, write_numbers, write_task

__all__ = ["EVERY", "Every"]


class Every(NamedTuple):
    """A task: what writes its data, its spec, a metric of its own, and the file to predict from."""

    write: Callable[[Path], Any]
    spec: Callable[[Path], Spec]
    metric: str
    mode: str
    held_out: str
    has_dropout: bool = True
    threshold: float = 1.7e-3
    """Of the metric: less is no progress."""

    def made(self, folder: Path, *, dropout: float = 0.0, **changes: Any) -> Spec:
        """The data, and the spec in their folder."""
        folder.mkdir(exist_ok=True)
        self.write(folder)
        return self.again(folder, dropout=dropout, **changes)

    def again(self, folder: Path, *, dropout: float = 0.0, **changes: Any) -> Spec:
        """The spec, of data that are there."""
        words = self.spec(folder).model_dump(mode="json", exclude_none=True)
        if self.has_dropout:
            words["task"]["model"]["dropout"] = dropout
        return Spec.model_validate(words | changes).located(folder)


def _own(folder: Path) -> None:
    """In two files, as users have them."""
    module.write(folder)
    code = "from net import Base\n\nclass Make(Base):" + module.LOSS + module.SCORE + module.PREDICT
    (folder / "net.py").write_text(module.OWN.replace("class Make", "class Base"), encoding="utf-8")
    (folder / "task.py").write_text(code, encoding="utf-8")


EVERY: Mapping[str, Every] = {
    "texts": Every(write_task, small_spec, "accuracy", "max", "eval.csv"),
    "pairs": Every(pairs.write_pairs, pairs.spec_of, "accuracy", "max", "eval.csv"),
    "tags": Every(tags.write_tags, tags.spec_of, "f1", "max", "eval.conll"),
    "language": Every(
        language.write_texts, language.spec_of, "perplexity", "min", "eval.txt", threshold=6.0
    ),
    "cnn": Every(images.write_images, images.spec_of, "accuracy", "max", "eval.npz"),
    "vit": Every(
        images.write_images,
        lambda folder: images.spec_of(folder, images.VIT),
        "accuracy",
        "max",
        "eval.npz",
    ),
    "regression": Every(write_numbers, number_spec, "r2", "max", "eval.csv", has_dropout=False),
    "module": Every(_own, module.spec_of, "largest", "min", "eval.csv", has_dropout=False),
}
