"""The loss of a classifier: cross-entropy, and what its labels mean."""

from __future__ import annotations

from dualtrain.fields import Part, Proportion

__all__ = ["Loss"]


class Loss(Part):
    """Cross-entropy of the model's logits against `labels`, summed over the targets that count.

    Labels are class numbers, 0 to classes - 1, or -100, which does not count; or floats, one per
    class (soft labels), whose rows add up to 1, or are all 0, which does not count. The class axis
    is the last one, of two classes or more. All else is refused: one logit, several right classes
    per sample and numbers to predict need a loss of your own, `fit(loss=)`. `batch.normalise` says
    what the sum is divided by. Evaluation takes the plain cross-entropy.
    """

    label_smoothing: Proportion = 0.0
    """e: a target q becomes (1 - e) q + e / classes."""
    shift_labels: bool = False
    """Who shifts the labels of a causal model. `true`: dualtrain, logits at a position against the
    label of the next one; the targets are counted after that (transformers 4 counts before, one too
    many per row whose first label counts). `false`: the data is shifted already."""
