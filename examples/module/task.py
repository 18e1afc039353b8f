"""A task of one's own: data, a model in each framework, a loss and a score."""

from __future__ import annotations

from typing import Any

import numpy as np

HIDDEN = 32


class Wave:
    """A number from ten before it, by a loss that far-off numbers do not rule (pseudo-Huber)."""

    def read(self, path: Any) -> dict[str, Any]:
        """Windows of a series: the model is given ten numbers, the eleventh is the label."""
        series = np.loadtxt(path, dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(series, 11)
        return {"past": windows[:, :10].copy(), "labels": windows[:, 10].copy()}

    def model(self, backend: str) -> Any:
        """The same names and the same function in both; weights are dualtrain's to set."""
        if backend == "torch":
            import torch

            class Net(torch.nn.Module):
                def __init__(self) -> None:
                    super().__init__()
                    self.inner = torch.nn.Linear(10, HIDDEN)
                    self.output = torch.nn.Linear(HIDDEN, 1)

                def forward(self, past: Any) -> Any:
                    return self.output(torch.tanh(self.inner(past)))

            return Net()
        import paddle

        class Layers(paddle.nn.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.inner = paddle.nn.Linear(10, HIDDEN)
                self.output = paddle.nn.Linear(HIDDEN, 1)

            def forward(self, past: Any) -> Any:
                return self.output(paddle.tanh(self.inner(past)))

        return Layers()

    def loss(self, output: Any, labels: Any) -> Any:
        """The sum over the samples, in what both frameworks' tensors and arrays can do."""
        return (((output[:, 0] - labels) ** 2 + 1) ** 0.5 - 1).sum()

    def score(self, output: Any, labels: Any) -> dict[str, float]:
        """Of the whole held-out split, in numpy."""
        error = np.abs(output[:, 0] - labels)
        return {"loss": self.loss(output, labels) / len(labels), "mae": error.mean()}

    def predict(self, output: Any) -> list[dict[str, float]]:
        """One row for each sample."""
        return [{"prediction": float(number)} for number in output[:, 0]]
