"""Faults of the tasks on numbers: images, regression, the user's own; and of predictions."""

from __future__ import annotations

from benchmarks.mutants._mutant import Mutant

__all__ = ["MUTANTS"]

_AT = "dualtrain/tasks/"
_IMAGES = f"{_AT}image_classification/"

MUTANTS = (
    Mutant(
        name="images: a 256th",
        breaks="white is 0.996 where nothing is standardised",
        file=f"{_IMAGES}_images.py",
        old="pixels /= 255",
        new="pixels /= 256",
    ),
    Mutant(
        name="images: height is width",
        breaks="colour images are mirrored about their diagonal",
        file=f"{_IMAGES}_images.py",
        old="pixels.transpose(0, 3, 1, 2)",
        new="pixels.transpose(0, 3, 2, 1)",
    ),
    Mutant(
        name="images: 10 before 2",
        breaks="classes that are numbers stand in the order of texts",
        file=f"{_IMAGES}_images.py",
        old="tuple(map(str, np.unique(train.labels).tolist()))",
        new="tuple(sorted(map(str, np.unique(train.labels).tolist())))",
    ),
    Mutant(
        name="images: one scale for all channels",
        breaks="each channel is divided by the deviation of all pixels",
        file=f"{_IMAGES}_prepared.py",
        old="deviations = pixels.std(axis=(0, 2, 3))",
        new="deviations = np.full(channels, pixels.std())",
    ),
    Mutant(
        name="images: the last patch decides",
        breaks="in torch a vision transformer is read at a patch, not at its class token",
        file="backends/dualtrain_torch/vision.py",
        old="self.head(self.norm(tokens)[:, 0])",
        new="self.head(self.norm(tokens)[:, -1])",
    ),
    Mutant(
        name="images: predicted as they stand",
        breaks="`predict` gives the model pixels that are not standardised",
        file=f"{_IMAGES}_saved.py",
        old="pixels=scaled(table.pixels, means, deviations)",
        new="pixels=scaled(table.pixels, [0.0] * len(means), [1.0] * len(deviations))",
    ),
    Mutant(
        name="regression: every output with every target",
        breaks="(samples, 1) - (samples,) is a matrix of all differences",
        file=f"{_AT}regression/_task.py",
        old="difference = output[..., 0] - labels",
        new="difference = output - labels",
    ),
    Mutant(
        name="regression: a mean for the sum",
        breaks="the rate is as many times too small as there are samples",
        file=f"{_AT}regression/_task.py",
        old="(difference * difference).sum()",
        new="(difference * difference).mean()",
    ),
    Mutant(
        name="regression: the held-out split by its own scale",
        breaks="each split is standardised by its own mean and deviation",
        file=f"{_AT}regression/_prepared.py",
        old="_split(others, names, scale),",
        new="_split(others, names, [_scale(others, names, i) for i in range(len(names))]),",
    ),
    Mutant(
        name="regression: a variance of a sample",
        breaks="r2 divides by n - 1",
        file=f"{_AT}regression/_task.py",
        old="float(targets.var())",
        new="float(targets.var(ddof=1))",
    ),
    Mutant(
        name="regression: predicted without the mean",
        breaks="`predict` gives how far a number is from the mean",
        file=f"{_AT}regression/_saved.py",
        old=" * self.target.deviation + self.target.mean",
        new=" * self.target.deviation",
    ),
    Mutant(
        name="module: held-out arrays of another shape",
        breaks="a split whose samples are of another shape is taken",
        file=f"{_AT}module/_task.py",
        old="if _shapes(other) != _shapes(train):",
        new="if _shapes(other).keys() != _shapes(train).keys():",
    ),
    Mutant(
        name="module: the score of the last micro-batch",
        breaks="the user's score is not of the whole held-out split",
        file=f"{_AT}module/_task.py",
        old="        found = list(outputs)\n",
        new="        found = list(outputs)[-1:]\n",
    ),
    Mutant(
        name="predict: samples counted anew",
        breaks="each micro-batch of a user's own task begins with sample 0",
        file=f"{_AT}module/_predictor.py",
        old="in zip(indices, found, strict=True)]",
        new="in zip(range(len(indices)), found, strict=True)]",
    ),
    Mutant(
        name="predict: lines counted anew",
        breaks="each micro-batch begins with the file's first line",
        file=f"{_AT}_predictor.py",
        old='[{"line": lines[i], **one} for i, one in zip(indices, found, strict=True)]',
        new='[{"line": i, **one} for i, one in zip(lines, found, strict=False)]',
    ),
    Mutant(
        name="predict: whole micro-batches alone",
        breaks="the last rows of a file have no prediction",
        file="dualtrain/training/sides/_predict.py",
        old="range(0, len(samples), saved.batch)",
        new="range(0, max(1, len(samples) - saved.batch + 1), saved.batch)",
    ),
    Mutant(
        name="predict: the best are the last",
        breaks="`--weights best` takes the final weights",
        file="dualtrain/training/sides/_predict.py",
        old='"best": BEST,',
        new='"best": FINAL_WEIGHTS,',
    ),
    Mutant(
        name="predict: with dropout",
        breaks="predictions are drawn by chance",
        file="dualtrain/training/sides/_predict.py",
        old="    model = verbs.place(model, opened)\n",
        new="    model = verbs.place(model, opened)\n"
        "    model.train()\n"
        "    model.eval = lambda: model\n",
    ),
)
