"""The same models in both frameworks, written as two people write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import paddle
import torch
from torch.nn import functional as F

from dualtrain.backend import backend_of

__all__ = [
    "HEADS",
    "IMAGES",
    "IN_PROJ",
    "PAIRS",
    "RANDOM",
    "ROWS",
    "SIZE",
    "TOKENS",
    "HeadByHead",
    "PaddleCNN",
    "PaddleDenses",
    "PaddleEncoder",
    "PaddleViT",
    "TorchCNN",
    "TorchEncoder",
    "TorchLinears",
    "TorchViT",
    "shaken",
]

RANDOM = np.random.default_rng(0)
TOKENS = {"input_ids": RANDOM.integers(0, 20, (4, 7))}
IMAGES = {"x": RANDOM.standard_normal((3, 3, 8, 8)).astype("float32")}
ROWS = {"x": RANDOM.standard_normal((5, 6)).astype("float32")}
SIZE, HEADS = 16, 4


def shaken(model: Any) -> Any:
    """The model with weights that are all unlike: as built, norms are ones and biases zeros."""
    backend, random = backend_of(model), np.random.default_rng(1)
    weights = backend.dump_weights(model)
    noise = {name: 0.3 * np.abs(random.standard_normal(w.shape)) for name, w in weights.items()}
    backend.load_weights(model, {n: (w + noise[n]).astype("float32") for n, w in weights.items()})
    return model


# --- an encoder: torch holds query, key and value in one tensor, Paddle in three


class TorchEncoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer
        self.emb = torch.nn.Embedding(20, SIZE)
        self.layers = torch.nn.ModuleList(
            layer(SIZE, HEADS, 32, 0.0, activation="gelu", batch_first=True) for _ in range(2)
        )
        self.head = torch.nn.Linear(SIZE, 3)

    def forward(self, input_ids: Any) -> Any:
        x = self.emb(input_ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


class PaddleEncoder(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        layer = paddle.nn.TransformerEncoderLayer
        self.word = paddle.nn.Embedding(20, SIZE)
        self.encoder = paddle.nn.Sequential(
            *(layer(SIZE, HEADS, 32, 0.0, activation="gelu") for _ in range(2))
        )
        self.classifier = paddle.nn.Linear(SIZE, 3)

    def forward(self, input_ids: Any) -> Any:
        return self.classifier(self.encoder(self.word(input_ids)).mean(1))


IN_PROJ = {
    f"layers.*.self_attn.in_proj_{w}": " + ".join(
        f"encoder.*.self_attn.{part}_proj.{w}" for part in "qkv"
    )
    for w in ("weight", "bias")
}


# --- a vision transformer: convolution or Linear for the patches, one tensor or three


class TorchViT(torch.nn.Module):
    """Convolution, one `qkv`, `fc1` and `fc2`, a class token (1, 1, size)."""

    def __init__(self, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads
        self.patch_embed = torch.nn.Conv2d(3, SIZE, 4, 4)
        self.cls_token = torch.nn.Parameter(torch.randn(1, 1, SIZE))
        self.pos_embed = torch.nn.Parameter(torch.randn(1, 5, SIZE))
        self.blocks = torch.nn.ModuleList(self.block() for _ in range(2))
        self.norm = torch.nn.LayerNorm(SIZE)
        self.head = torch.nn.Linear(SIZE, 3)

    def block(self) -> torch.nn.Module:
        block = torch.nn.Module()
        block.norm1 = torch.nn.LayerNorm(SIZE)
        block.attn = torch.nn.Module()
        block.attn.qkv = torch.nn.Linear(SIZE, 3 * SIZE)
        block.attn.proj = torch.nn.Linear(SIZE, SIZE)
        block.norm2 = torch.nn.LayerNorm(SIZE)
        block.mlp = torch.nn.Module()
        block.mlp.fc1 = torch.nn.Linear(SIZE, 4 * SIZE)
        block.mlp.fc2 = torch.nn.Linear(4 * SIZE, SIZE)
        return block

    def parts(self, fused: Any) -> Any:
        """(3, batch, heads, tokens, size)."""
        n, tokens, _ = fused.shape
        return fused.reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)

    def forward(self, x: Any) -> Any:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        block: Any
        for block in self.blocks:
            q, k, v = self.parts(block.attn.qkv(block.norm1(x)))
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
            x = x + block.attn.proj(mixed)
            x = x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class HeadByHead(TorchViT):
    """Query, key and value of the first head, then of the second, as Megatron has them."""

    def parts(self, fused: Any) -> Any:
        n, tokens, _ = fused.shape
        return fused.reshape(n, tokens, self.heads, 3, -1).permute(3, 0, 2, 1, 4)


class PaddleBlock(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = paddle.nn.LayerNorm(SIZE)
        self.to_q = paddle.nn.Linear(SIZE, SIZE)
        self.to_k = paddle.nn.Linear(SIZE, SIZE)
        self.to_v = paddle.nn.Linear(SIZE, SIZE)
        self.to_out = paddle.nn.Linear(SIZE, SIZE)
        self.mlp_norm = paddle.nn.LayerNorm(SIZE)
        self.mlp = paddle.nn.Sequential(
            paddle.nn.Linear(SIZE, 4 * SIZE), paddle.nn.GELU(), paddle.nn.Linear(4 * SIZE, SIZE)
        )

    def forward(self, x: Any) -> Any:
        y = self.attention_norm(x)
        n, tokens, _ = y.shape
        q, k, v = (
            layer(y).reshape([n, tokens, HEADS, -1]).transpose([0, 2, 1, 3])
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        scores = paddle.matmul(q, k, transpose_y=True) / (SIZE // HEADS) ** 0.5
        mixed = paddle.matmul(paddle.nn.functional.softmax(scores), v)
        x = x + self.to_out(mixed.transpose([0, 2, 1, 3]).reshape(x.shape))
        return x + self.mlp(self.mlp_norm(x))


class PaddleViT(paddle.nn.Layer):
    """A Linear for the patches, query, key and value apart, a class token (size,)."""

    def __init__(self, channels_last: bool = False) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.to_patches = paddle.nn.Linear(48, SIZE)
        self.cls = self.create_parameter([SIZE])
        self.positions = self.create_parameter([5, SIZE])
        self.transformer = paddle.nn.Sequential(PaddleBlock(), PaddleBlock())
        self.final_norm = paddle.nn.LayerNorm(SIZE)
        self.classifier = paddle.nn.Linear(SIZE, 3)

    def forward(self, x: Any) -> Any:
        n = x.shape[0]
        order = [0, 2, 4, 3, 5, 1] if self.channels_last else [0, 2, 4, 1, 3, 5]
        patches = x.reshape([n, 3, 2, 4, 2, 4]).transpose(order).reshape([n, 4, 48])
        first = self.cls.expand([n, 1, SIZE])
        x = paddle.concat([first, self.to_patches(patches)], 1) + self.positions
        return self.classifier(self.final_norm(self.transformer(x))[:, 0])


# --- convolutions and batch norms, nested otherwise


class TorchCNN(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        )
        self.conv = torch.nn.Conv2d(8, 8, 3)
        self.bn = torch.nn.BatchNorm2d(8)
        self.fc = torch.nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.relu(self.bn(self.conv(self.stem(x)))).mean((2, 3)))


class PaddleCNN(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first = paddle.nn.Conv2D(3, 8, 3, bias_attr=False)
        self.first_norm = paddle.nn.BatchNorm2D(8)
        self.rest = paddle.nn.Sequential(
            paddle.nn.Conv2D(8, 8, 3), paddle.nn.BatchNorm2D(8), paddle.nn.ReLU()
        )
        self.output = paddle.nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        x = paddle.nn.functional.relu(self.first_norm(self.first(x)))
        return self.output(self.rest(x).mean([2, 3]))


# --- matrices of one's own, (in, out)


class TorchLinears(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = torch.nn.Linear(6, 9)
        self.mix = torch.nn.Linear(9, 9)
        self.down = torch.nn.Linear(9, 2)

    def forward(self, x: Any) -> Any:
        return self.down(torch.tanh(self.mix(torch.tanh(self.up(x)))))


class PaddleDense(paddle.nn.Layer):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.kernel = self.create_parameter([inputs, outputs])
        self.bias = self.create_parameter([outputs], is_bias=True)

    def forward(self, x: Any) -> Any:
        return paddle.matmul(x, self.kernel) + self.bias


class PaddleDenses(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.layers = paddle.nn.LayerList([PaddleDense(*s) for s in ((6, 9), (9, 9), (9, 2))])

    def forward(self, x: Any) -> Any:
        for layer in list(self.layers)[:-1]:
            x = paddle.tanh(layer(x))
        return self.layers[2](x)


PAIRS: Mapping[str, tuple[Callable[[], Any], Callable[[], Any], Mapping[str, Any]]] = {
    "encoder": (TorchEncoder, PaddleEncoder, TOKENS),
    "vision": (TorchViT, PaddleViT, IMAGES),
    "convolutions": (TorchCNN, PaddleCNN, IMAGES),
    "matrices": (TorchLinears, PaddleDenses, ROWS),
}
