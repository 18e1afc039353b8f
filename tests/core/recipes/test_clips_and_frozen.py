"""Clips, and what stands still."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.recipes.conftest import Reading

PADDLE = """
    import paddle
    model = paddle.nn.Linear(2, 2)
    clip = {}
    optimizer = paddle.optimizer.Adam(1e-3, parameters=model.parameters(), grad_clip={})
    for x in loader():
        model(x).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("made", "handed", "wanted", "code"),
    [
        ("paddle.nn.ClipGradByGlobalNorm(1.0)", "clip",
         {"kind": "global_norm", "value": 1.0}, None),
        ("paddle.nn.ClipGradByNorm(clip_norm=3)", "clip", {"kind": "norm", "value": 3},
         "clip_per_tensor"),
        ("paddle.nn.ClipGradByValue(0.5)", "clip", {"kind": "value", "value": 0.5}, None),
        ("paddle.nn.ClipGradByGlobalNorm(1.0)", "None", "none", "clip_not_attached"),
        ("None", "clip", "none", None),
    ],
)  # fmt: skip
def test_paddle(reading: Reading, made: str, handed: str, wanted: Any, code: str | None) -> None:
    recipe = reading(PADDLE.format(made, handed))
    assert recipe["clip"].value == wanted
    codes = {one.code for one in recipe.hazards if one.code.startswith("clip")}
    assert codes == ({code} if code else set())


def test_a_clip_behind_a_flag_that_is_off_clips_nothing(reading: Reading) -> None:
    script = """
        import argparse, torch
        parser = argparse.ArgumentParser()
        parser.add_argument("--clip", type=float, default=0.0)
        args = parser.parse_args()
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x in loader():
            model(x).backward()
            if args.clip > 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
    """
    assert reading(script)["clip"].value == "none"
    on = reading(script, run="python train.py --clip 2")
    assert on["clip"].value == {"kind": "global_norm", "value": 2.0}


TORCH = """
    import torch
    from torch.nn.utils import clip_grad_norm_ as clip
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD({given}, lr=0.1)
    for x in loader():
        model(x).backward()
        {clips}
        optimizer.step()
"""
GROUPS = '[{"params": model.a.parameters()}, {"params": model.b.parameters(), "lr": 1.0}]'
BOTH = "for g in optimizer.param_groups: "


NORMS: list[tuple[str, str | None, str | None]] = [
    ("[clip(p, 1.0) for p in model.parameters()]", "norm", "norm"),
    ("for n, p in model.named_parameters(): clip(p, 1.0)", "norm", "norm"),
    ("for p in [q for g in optimizer.param_groups for q in g['params']]: clip(p, 1.0)",
     "norm", "norm"),
    (BOTH + "[clip(p, 1.0) for p in g['params']]", "norm", "norm"),
    ("[clip(p, 1.0) for g in optimizer.param_groups for p in g['params']]", "norm", "norm"),
    (BOTH + "clip(g['params'], 1.0)", "global_norm", None),
    (BOTH + "clip([p for p in g['params']], 1.0)", "global_norm", None),
    ("[clip(g['params'], 1.0) for g in optimizer.param_groups]", "global_norm", None),
    ("clip(optimizer.param_groups[0]['params'], 1.0)", "global_norm", None),
    ("for part in model.children(): clip(part.parameters(), 1.0)", None, None),
    ("for part in [model.a, model.b]: clip(part.parameters(), 1.0)", None, None),
    ("clip(model.a.parameters(), 1.0); clip(model.b.parameters(), 2.0)", None, None),
    ("clip([p for g in optimizer.param_groups for p in g['params']], 1.0)",
     "global_norm", "global_norm"),
    ("clip([p for p in model.parameters() if p.requires_grad], 1.0)",
     "global_norm", "global_norm"),
]  # fmt: skip
"""A call, and over what it takes a norm of an optimizer with one group, and with two; None: no word
of a spec says it."""


@pytest.mark.parametrize(("clips", "one", "many"), NORMS)
def test_over_what_torch_takes_a_norm(
    reading: Reading, clips: str, one: str | None, many: str | None
) -> None:
    for given, kind in (("model.parameters()", one), (GROUPS, many)):
        recipe = reading(TORCH.replace("{given}", given).replace("{clips}", clips))
        found, codes = recipe["clip"], {h.code for h in recipe.hazards if h.code[:5] == "clip_"}
        assert (found.value or {}).get("kind") == kind, given
        assert (found.certainty == "unknown") is (kind is None)
        if kind != "global_norm":
            assert codes == {"clip_per_tensor" if kind == "norm" else "clip_per_group"}


def test_each_optimizers_own_model_is_clipped_whole(reading: Reading) -> None:
    other = "other = torch.optim.SGD(model.b.parameters(), lr=0.1)\n    for x"
    script = TORCH.replace("for x", other).replace("{given}", "model.a.parameters()")
    clips = "clip(model.a.parameters(), 1.0); clip(model.b.parameters(), 1.0); other.step()"
    recipe = reading(script.replace("{clips}", clips))
    assert recipe["clip"].value == {"kind": "global_norm", "value": 1.0}
    assert "clip_per_group" not in {one.code for one in recipe.hazards}


@pytest.mark.parametrize(
    ("lines", "frozen"),
    [
        ("for p in model.encoder.parameters(): p.stop_gradient = True", True),
        ("for n, p in model.named_parameters():\n    if 'emb' in n: p.trainable = False", True),
        ("for p in model.parameters(): p.stop_gradient = False", False),
        ("if FLAG:\n    for p in model.parameters(): p.stop_gradient = True", False),
        ("x = paddle.to_tensor([1.0])\nx.stop_gradient = True", False),
        ("model.encoder.requires_grad_(False)", True),
    ],
)
def test_frozen(reading: Reading, lines: str, frozen: bool) -> None:
    recipe = reading(
        f"import paddle\nFLAG = False\nmodel = paddle.nn.Linear(2, 2)\n{lines}\n"
        "optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())\n"
        "for x in loader():\n    model(x).backward()\n    optimizer.step()\n"
    )
    assert bool(recipe["freeze"].value) is frozen


@pytest.mark.parametrize(
    ("held", "frozen"),
    [
        ("self.encoder.fc[0].bias", True),
        ("self.head.bias", True),
        ("self.head.weight", False),  # a table, as far as can be told
        ("self.bias", False),
    ],
)
def test_a_layers_bias_that_the_constructor_holds(
    reading: Reading, held: str, frozen: bool
) -> None:
    recipe = reading(
        "import torch\n\n\nclass Net(torch.nn.Module):\n"
        "    def __init__(self, encoder):\n        super().__init__()\n"
        "        self.encoder, self.head = encoder(), torch.nn.Linear(2, 2)\n"
        "        self.bias = make()\n"
        f"        {held}.requires_grad = False\n\n\nmodel = Net(make)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for x in loader():\n    model(x).backward()\n    optimizer.step()\n"
    )
    assert bool(recipe["freeze"].value) is frozen


TABLE = """
import torch
class Still(torch.nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body
        {held}
class Other(torch.nn.Module):
    pass
KINDS = {{"a": {{"x": Still}}, "b": {{"x": Other}}}}
model = KINDS[config.kind]["x"]{made}(body())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in loader():
    model(x).backward()
    optimizer.step()
"""


@pytest.mark.parametrize("made", ["", ".from_pretrained"])
@pytest.mark.parametrize(
    ("held", "certainty"),
    [
        ("for p in self.body.parameters(): p.requires_grad = False", "unknown"),
        ("self.body.requires_grad_(False)", "unknown"),
        ("for p in self.body.parameters(): p.requires_grad = True", "stated"),
    ],
)
def test_one_of_several_classes_that_may_hold_some(
    reading: Reading, made: str, held: str, certainty: str
) -> None:
    recipe = reading(TABLE.format(made=made, held=held))
    assert (recipe["freeze"].certainty, bool(recipe["freeze"].value)) == (certainty, False)
