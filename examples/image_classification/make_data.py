"""Make the example's data: scikit-learn's 1,797 handwritten digits, 8 x 8 pixels.

They come with scikit-learn, which the extra `tags` brings; nothing is downloaded. 1,437 for
training and 360 others, drawn once.

    python make_data.py        writes data/train.npz and data/eval.npz next to this file
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

EVAL = 360
"""Images in the held-out split."""


def main() -> None:
    """Write both splits."""
    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    for name, chosen in (("eval", order[:EVAL]), ("train", order[EVAL:])):
        images = (digits.images[chosen] / 16).astype(np.float32)  # from 0 to 16
        np.savez(folder / f"{name}.npz", images=images, labels=digits.target[chosen])
        print(f"{name}.npz: {len(chosen)} images")


if __name__ == "__main__":
    main()
