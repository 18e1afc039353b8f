"""Which parameters do not decay, as people write it in both frameworks."""

from __future__ import annotations

import pytest

from tests.core.recipes.conftest import Reading

PADDLE = """
    import paddle
    model = paddle.nn.Linear(2, 2)
    {}
    optimizer = paddle.optimizer.AdamW(
        learning_rate=1e-4, parameters=model.parameters(), weight_decay=0.01,
        apply_decay_param_fun={})
    for x in loader():
        model(x).backward()
        optimizer.step()
        optimizer.clear_grad()
"""
LISTED = """names = [p.name for n, p in model.named_parameters()
             if not any(nd in n for nd in ["bias", "norm"])]"""


@pytest.mark.parametrize(
    ("before", "function", "strings", "match"),
    [
        (LISTED, "lambda x: x in names", ["bias", "norm"], "substring"),
        (LISTED, "names.__contains__", None, None),
        (
            """names = []
    for n, p in model.named_parameters():
        if "bias" not in n and "norm" not in n:
            names.append(p.name)""",
            "lambda x: x in names",
            ["bias", "norm"],
            "substring",
        ),
        (
            """def decays(name):
        return name in [p.name for n, p in model.named_parameters() if "bias" not in n]""",
            "decays",
            ["bias"],
            "substring",
        ),
        (
            "names = {p.name for p in model.parameters() if p.ndim > 1}",
            "lambda x: x in names",
            None,
            "ndim1",
        ),
        (
            "import re\n    rule = re.compile('.*b_0')",
            "lambda x: not rule.match(x)",
            [".*b_0"],
            "regex",
        ),
        ("", "lambda n: not n.endswith('.b_0')", [".b_0"], "suffix"),
        (
            """names = [p.name for n, p in model.named_parameters()
             if not (len(p.shape) == 1 or n in ['cls_token', 'pos_embed'])]""",
            "lambda x: x in names",
            ["cls_token", "pos_embed"],
            "exact_or_ndim1",
        ),
        ("", "None", None, None),
        ("", "lambda x: True", None, None),
    ],
)
def test_paddle(
    reading: Reading, before: str, function: str, strings: list[str] | None, match: str | None
) -> None:
    recipe = reading(PADDLE.format(before, function))
    found = recipe["decay_exclude"], recipe["decay_match"]
    if match is None and function == "names.__contains__":
        assert found[1].certainty == "unknown"
        return
    assert (found[0].value, found[1].value) == (strings, match)


def codes(recipe: object) -> set[str]:
    return {one.code for one in getattr(recipe, "hazards", ())}


def test_structured_names_match_nothing(reading: Reading) -> None:
    wrong = LISTED.replace("p.name for", "n for")
    recipe = reading(PADDLE.format(wrong, "lambda x: x in names"))
    assert "decay_never_matches" in codes(recipe)
    right = reading(PADDLE.format(LISTED, "lambda x: x in names"))
    assert "decay_never_matches" not in codes(right)


def test_internal_names_are_a_hazard(reading: Reading) -> None:
    recipe = reading(PADDLE.format("", "lambda x: not any(nd in x for nd in ['bias', 'norm'])"))
    assert codes(recipe) >= {"decay_internal_names"}
    assert recipe["decay_exclude"].value == ["bias", "norm"]


TORCH = """
    import torch
    from torch import nn
    model = nn.Linear(2, 2)
    {}
    groups = [
        {{"params": [p for n, p in {} if not any(nd in n for nd in still)], "weight_decay": 0.1}},
        {{"params": [p for n, p in {} if any(nd in n for nd in still)], "weight_decay": 0.0}},
    ]
    optimizer = torch.optim.AdamW(groups, lr=2e-5)
    for x in loader():
        model(x).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize(
    ("before", "over", "lost"),
    [
        ("still = ['bias', 'LayerNorm.weight']", "model.named_parameters()", False),
        (
            "still = ['bias', 'LayerNorm.weight']; named = list(model.named_parameters())",
            "named",
            False,
        ),
        (
            "still = ['bias', 'LayerNorm.weight']; named = model.named_parameters()",
            "named",
            True,
        ),
    ],
)
def test_torch_groups(reading: Reading, before: str, over: str, lost: bool) -> None:
    recipe = reading(TORCH.format(before, over, over))
    assert recipe["decay_exclude"].value == ["bias", "LayerNorm.weight"]
    assert recipe["decay_match"].value == "substring"
    assert recipe["weight_decay"].value == 0.1
    assert ("params_lost" in codes(recipe)) is lost


def test_two_lists_filled_in_a_loop(reading: Reading) -> None:
    recipe = reading(
        """
        import torch
        model = torch.nn.Linear(2, 2)
        decay, still = [], []
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            if p.dim() < 2 or name.endswith(".bias"):
                still.append(p)
            else:
                decay.append(p)
        optimizer = torch.optim.SGD(
            [{"params": decay}, {"params": still, "weight_decay": 0.0}],
            lr=0.1, momentum=0.9, weight_decay=5e-4)
        for x in loader():
            model(x).backward()
            optimizer.step()
        """
    )
    assert recipe["optimizer"].value == "momentum"
    assert recipe["weight_decay"].value == 5e-4
    assert recipe["decay_match"].value == "suffix_or_ndim1"
    assert recipe["decay_exclude"].value == [".bias"]


def test_what_hides_its_groups_is_unknown(reading: Reading) -> None:
    recipe = reading(
        """
        import torch, somewhere
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.AdamW(somewhere.groups(model), lr=1e-3)
        for x in loader():
            model(x).backward()
            optimizer.step()
        """
    )
    assert recipe["weight_decay"].certainty == "unknown"
    assert "somewhere.groups" in recipe["weight_decay"].why


MODULES = """
import torch

model = build()
loader = torch.utils.data.DataLoader(data())
no_decay = ["bias", "layer_norm.weight"]
body, head = [], []
for n, p in model.named_parameters():
    if {test}:
        body.append((n, p))
    else:
        head.append((n, p))
optimizer = torch.optim.AdamW([
    {{"params": [p for n, p in body if not any(d in n for d in no_decay)], "lr": 1e-5}},
    {{"params": [p for n, p in body if any(d in n for d in no_decay)], "weight_decay": 0.0,
      "lr": 1e-5}},
    {{"params": [p for n, p in head if not any(d in n for d in no_decay)], "lr": 1e-5 * 5}},
    {{"params": [p for n, p in head if {last}], "weight_decay": 0.0, "lr": 1e-5 * 5}},
])
for epoch in range(3):
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
"""


@pytest.mark.parametrize("test", ['n.split(".")[0] == "bert"', '"bert" in n', "'head' not in n"])
def test_a_test_of_modules_is_none_of_what_decays(reading: Reading, test: str) -> None:
    """Both modules have a group that decays and one that does not."""
    recipe = reading(MODULES.format(test=test, last="any(d in n for d in no_decay)"))

    assert recipe["decay_exclude"].value == ["bias", "layer_norm.weight"]
    assert recipe["lr"].value == 1e-5


def test_groups_that_share_no_test_are_unknown(reading: Reading) -> None:
    recipe = reading(MODULES.format(test='"bert" in n', last='"norm" in n'))

    assert recipe["decay_exclude"].certainty == "unknown"


def test_a_function_s_groups_are_those_of_its_key(reading: Reading) -> None:
    """The branches of the other keys put nothing in: neither test decides for all."""
    script = """
    import torch

    def of(model, key):
        if key == "body":
            for n, p in model.named_parameters():
                if "layer" in n:
                    yield p
        if key == "head":
            for n, p in model.named_parameters():
                if "aspp" in n:
                    yield p

    model = build()
    optimizer = torch.optim.SGD([
        {"params": of(model, "body"), "weight_decay": 0.1},
        {"params": of(model, "head"), "weight_decay": 0.0, "lr": 0.2},
    ], lr=0.1)
    """
    found = reading(script)["decay_exclude"]

    assert found.certainty == "unknown" and "groups by other tests" in found.why


MISSES = """
    import torch
    {head}
    model = {model}
    named = list(model.named_parameters())
    optimizer = torch.optim.AdamW([
        {{"params": [p for n, p in named if not any(d in n for d in {no})], "weight_decay": 0.1}},
        {{"params": [p for n, p in named if any(d in n for d in {no})], "weight_decay": 0.0}},
    ], lr=0.1)
    for x in loader():
        model(x).backward()
        optimizer.step()
"""
BERT = ("from transformers import BertModel", 'BertModel.from_pretrained("bert-base-uncased")')
OWN = ("from mine import Net", "Net()")


@pytest.mark.parametrize(
    ("model", "strings", "missed"),
    [
        (BERT, ["bias"], True),
        (BERT, ["bias", "layernorm.weight"], True),
        (BERT, ["bias", "LayerNorm.weight"], False),
        (BERT, ["bias", "ln_1"], False),
        (OWN, ["bias"], False),
        (OWN, ["bias", "bn"], False),
        (OWN, ["bias", "layernorm.weight"], True),
    ],
)
def test_norms_are_missed_where_names_say_so(
    reading: Reading, model: tuple[str, str], strings: list[str], missed: bool
) -> None:
    """The norms of a library's model have known names; another's may have none at all."""
    head, made = model
    recipe = reading(MISSES.format(head=head, model=made, no=strings))
    assert ("decay_misses_norm" in {one.code for one in recipe.hazards}) is missed


BERT_ADAM = """
import torch
from torch.optim import Optimizer

class BertAdam(Optimizer):
    def __init__(self, params, lr, b1=0.9, b2=0.999, e=1e-6, weight_decay_rate=0.01):
        defaults = dict(lr=lr, b1=b1, b2=b2, e=e, weight_decay_rate=weight_decay_rate)
        super().__init__(params, defaults)

model = f()
named = list(model.named_parameters())
still = ["bias", "gamma"]
optimizer = BertAdam([
    {"params": [p for n, p in named if not any(s in n for s in still)], "weight_decay_rate": 0.02},
    {"params": [p for n, p in named if any(s in n for s in still)], "weight_decay_rate": 0.0},
], 1e-4)
for x in loader():
    model(x).backward()
    optimizer.step()
"""


def test_the_first_bert_adam_calls_its_decay_a_rate(reading: Reading) -> None:
    recipe = reading(BERT_ADAM)

    assert (recipe["weight_decay"].value, recipe["weight_decay"].certainty) == (0.02, "stated")
    assert recipe["decay_exclude"].value == ["bias", "gamma"]
    found = {one.code for one in recipe.hazards}
    assert not found & {"framework_default_decay", "param_groups"}
