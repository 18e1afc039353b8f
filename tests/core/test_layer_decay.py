"""Layer-wise decay: the exponents of published rules on those models' own parameter names.

Each rule is written here anew, from its publication, as a function from name to exponent; a model
is a list of names in the order in which its modules are registered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dualtrain.errors import LedgerError
from dualtrain.ledger import Kind, Parameter, decide
from tests.builders import spec_of
from tests.core.test_ledger import parameter

L = 12
RATE = 0.5


def kind_by_name(name: str) -> Kind:
    """Good enough for the names here."""
    owner, _, attribute = name.rpartition(".")
    last = owner.rpartition(".")[2].lower()
    if any("norm" in part for part in owner.lower().split(".")[-2:]) or last.startswith(
        ("ln", "bn")
    ):
        return "norm"
    if attribute in ("cls_token", "pos_embed", "mask_token") or "_embeddings" in last:
        return "embedding"
    return "embedding" if last in ("wte", "wpe", "shared", "embed_tokens") else "other"


def model_of(*names: str) -> list[Parameter]:
    return [parameter(name, kind=kind_by_name(name)) for name in names]


def exponents(model: list[Parameter], **layer_decay: Any) -> dict[str, int]:
    """Canonical name -> n, from rate^n with the rate 1/2, whose powers are exact."""
    ledger = decide(model, spec_of(layer_decay={"rate": RATE, **layer_decay}))
    powers = {RATE**n: n for n in range(200)}
    return {row.parameter.name: powers[row.lr_multiplier] for row in ledger.rows}


def blocks(path: str, *inside: str, count: int = L) -> list[str]:
    return [f"{path}.{i}.{name}" for i in range(count) for name in inside]


VIT_BLOCK = (
    "norm1.weight",
    "attn.qkv.weight",
    "attn.proj.weight",
    "norm2.weight",
    "mlp.fc1.weight",
)
STEM = ("patch_embed.proj.weight", "patch_embed.proj.bias")


def mae(name: str) -> int:
    """Tokens, positions and patches 0, block i at i + 1, all else L + 1; exponent L + 1 - layer."""
    if name in ("cls_token", "pos_embed") or name.startswith("patch_embed"):
        return L + 1
    return L - int(name.split(".")[1]) if name.startswith("blocks") else 0


def beit(name: str) -> int:
    """As MAE's, the mask token below too."""
    return L + 1 if name == "mask_token" else mae(name)


def timm(name: str) -> int:
    """As MAE's, register tokens below and the last norm, but not `fc_norm`, with the last block."""
    if name == "reg_token":
        return L + 1
    return 1 if name.startswith("norm.") else mae(name)


MAE_VIT = model_of(
    *("cls_token", "pos_embed", *STEM, *blocks("blocks", *VIT_BLOCK)),
    *("fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"),
)
BEIT_BLOCK = ("gamma_1", "gamma_2", *VIT_BLOCK, "attn.q_bias", "attn.relative_position_bias_table")
BEIT = model_of(
    *("cls_token", "mask_token", "pos_embed", *STEM, *blocks("blocks", *BEIT_BLOCK)),
    *("norm.weight", "norm.bias", "head.weight", "head.bias"),
)
VIT = model_of(
    *("cls_token", "reg_token", "pos_embed", *STEM, *blocks("blocks", *VIT_BLOCK)),
    *("fc_norm.weight", "head.weight", "head.bias"),
)


@pytest.mark.parametrize(
    ("model", "rule"),
    [(MAE_VIT, mae), (BEIT, beit), (VIT, timm)],
    ids=["MAE", "BEiT", "timm"],
)
def test_a_vit_has_the_published_exponents(
    model: list[Parameter], rule: Callable[[str], int]
) -> None:
    assert exponents(model) == {p.name: rule(p.name) for p in model}


def test_timm_gives_the_last_norm_to_the_last_block() -> None:
    """MAE, BEiT and paddlenlp give it the head's rate, and so does the plain word."""
    model = model_of(
        "cls_token", *STEM, *blocks("blocks", *VIT_BLOCK), "norm.weight", "head.weight"
    )
    assert exponents(model)["norm.weight"] == 0

    rule = [{"pattern": "norm.*", "multiplier": RATE}]
    ledger = decide(model, spec_of(layer_decay=RATE, lr_multipliers=rule))
    found = {row.parameter.name: row.lr_multiplier for row in ledger.rows}
    assert found == {p.name: RATE ** timm(p.name) for p in model}


def test_the_position_biases_that_all_layers_share() -> None:
    """BEiT gives them the head's rate, timm that of what is below; the word is timm's."""
    name = "rel_pos_bias.relative_position_bias_table"
    model = model_of("cls_token", *STEM, name, *blocks("blocks", *VIT_BLOCK), "head.weight")

    assert exponents(model)[name] == L + 1
    assert exponents(model, above=["rel_pos_bias.*"])[name] == 0


STAGES = (2, 2, 6, 2)


def staged(list_: str, inner: str, *inside: str, down: str, first: int) -> list[str]:
    """Stages of blocks; `down` stands before the blocks of each stage from `first` on."""
    names = []
    for stage, count in enumerate(STAGES):
        names += [f"{list_}.{stage}.{down}"] if stage >= first else []
        path = f"{list_}.{stage}.{inner}".removesuffix(".")
        names += [f"{path}.{i}.{name}" for i in range(count) for name in inside]
    return names


def over_stages(name: str, list_: str) -> int | None:
    """timm: a block's number counts over all stages; a downsample goes with the stage's first."""
    if not name.startswith(list_ + "."):
        return None
    parts = name.removeprefix(list_ + ".").split(".")
    numbers = [int(part) for part in parts if part.isdecimal()]
    block = 0 if "downsample" in name else numbers[1]
    return sum(STAGES) - sum(STAGES[: numbers[0]]) - block


SWIN = model_of(
    *("patch_embed.proj.weight", "patch_embed.norm.weight"),
    *staged(
        *("layers", "blocks", "norm1.weight", "attn.qkv.weight", "mlp.fc1.weight"),
        down="downsample.reduction.weight",
        first=1,
    ),
    *("norm.weight", "head.fc.weight"),
)
CONVNEXT = model_of(
    *("stem.0.weight", "stem.1.weight"),
    *staged(
        *("stages", "blocks", "gamma", "conv_dw.weight", "norm.weight", "mlp.fc1.weight"),
        down="downsample.1.weight",
        first=1,
    ),
    *("head.norm.weight", "head.fc.weight"),
)
HF_CONVNEXT = model_of(
    *("embeddings.patch_embeddings.weight", "embeddings.layernorm.weight"),
    *staged(
        *("encoder.stages", "layers", "layer_scale_parameter", "dwconv.weight", "layernorm.weight"),
        down="downsampling_layer.0.weight",
        first=1,
    ),
    *("layernorm.weight", "classifier.weight"),
)
EFFICIENT = model_of(
    *("conv_stem.weight", "bn1.weight"),
    *staged("blocks", "", "conv_pw.weight", "bn1.weight", "se.fc.weight", down="", first=9),
    *("conv_head.weight", "bn2.weight", "classifier.weight"),
)


@pytest.mark.parametrize(
    ("model", "list_"),
    [
        (SWIN, "layers"),
        (CONVNEXT, "stages"),
        (HF_CONVNEXT, "encoder.stages"),
        (EFFICIENT, "blocks"),
    ],
    ids=["Swin", "ConvNeXt", "HF ConvNeXt", "EfficientNet"],
)
def test_blocks_are_counted_over_the_stages(model: list[Parameter], list_: str) -> None:
    begin = next(i for i, p in enumerate(model) if p.name.startswith(f"{list_}."))
    expected = {}
    for position, p in enumerate(model):
        inside = over_stages(p.name.replace("downsampling_layer", "downsample"), list_)
        outside = sum(STAGES) + 1 if position < begin else 0
        expected[p.name] = outside if inside is None else inside

    assert exponents(model) == expected
    row = next(r for r in decide(model, spec_of(layer_decay=RATE)).rows if r.lr_multiplier == 0.5)
    assert row.lr_rule == f"layer {sum(STAGES) - 1} of {list_} (4 stages of blocks)"


def test_what_a_stage_ends_with_goes_with_its_last_block() -> None:
    """As in Hugging Face's Swin, where the downsampling is the stage's own last part."""
    model = model_of(
        "embeddings.norm.weight",
        *blocks("encoder.layers.0.blocks", "attention.query.weight", count=2),
        "encoder.layers.0.downsample.reduction.weight",
        *blocks("encoder.layers.1.blocks", "attention.query.weight", count=2),
        "layernorm.weight",
    )
    found = exponents(model)

    assert found["encoder.layers.0.downsample.reduction.weight"] == 3
    assert found["encoder.layers.0.blocks.1.attention.query.weight"] == 3
    assert (found["embeddings.norm.weight"], found["layernorm.weight"]) == (5, 0)


def test_lists_beside_the_stages_go_with_them() -> None:
    """ConvNeXt's first code has its downsampling in a list of its own, SegFormer its norms too."""
    model = model_of(
        *(f"downsample_layers.{i}.{j}.weight" for i in range(4) for j in (0, 1)),
        *staged("stages", "", "dwconv.weight", "pwconv1.weight", down="", first=9),
        *(f"layer_norm.{i}.weight" for i in range(4)),
        "head.weight",
    )
    found = exponents(model)

    assert [found[f"downsample_layers.{i}.0.weight"] for i in range(4)] == [13, 10, 8, 2]
    assert [found[f"layer_norm.{i}.weight"] for i in range(4)] == [11, 9, 3, 1]
    assert found["stages.2.0.dwconv.weight"] == 8


def paddlenlp(name: str) -> int:
    """`encoder.layers.i` L - i, a name with "embedding" L + 1, all else 0."""
    if "encoder.layer." in name:
        return L - int(name.partition("encoder.layer.")[2].partition(".")[0])
    return L + 1 if "embedding" in name else 0


LAYER = ("attention.self.query.weight", "attention.output.LayerNorm.weight", "output.dense.bias")
EMBEDDINGS = ("word_embeddings.weight", "position_embeddings.weight", "LayerNorm.weight")


def encoder(name: str, *around: str) -> list[Parameter]:
    return model_of(
        *(f"{name}.embeddings.{part}" for part in EMBEDDINGS),
        *([f"{name}.embeddings_project.weight"] if name == "electra" else []),
        *blocks(f"{name}.encoder.layer", *LAYER),
        *around,
    )


BERT = encoder("bert", "bert.pooler.dense.weight", "classifier.weight", "classifier.bias")
ERNIE = encoder("ernie", "ernie.pooler.dense.weight", "classifier.weight", "classifier.bias")
ELECTRA = encoder("electra", "classifier.dense.weight", "classifier.out_proj.weight")


@pytest.mark.parametrize("model", [BERT, ERNIE, ELECTRA], ids=["BERT", "ERNIE", "ELECTRA"])
def test_an_encoder_has_paddlenlps_exponents(model: list[Parameter]) -> None:
    assert exponents(model) == {p.name: paddlenlp(p.name) for p in model}


def test_electras_own_code_counts_one_more_for_all_but_the_head() -> None:
    """Embeddings 0, layer i at i + 1, the task's head n_layers + 2: exponent n_layers + 2 - depth.

    The same rates are lr x r with the head at 1 / r.
    """

    def electra(name: str) -> int:
        if "embeddings" in name:
            return L + 2
        return L + 1 - int(name.split(".")[3]) if "encoder.layer" in name else 0

    heads = [{"pattern": "classifier.*", "multiplier": 1 / RATE}]
    ledger = decide(ELECTRA, spec_of(layer_decay=RATE, lr_multipliers=heads))
    lr = 0.1 * RATE
    found = {row.parameter.name: lr * row.lr_multiplier for row in ledger.rows}

    assert found == {p.name: pytest.approx(0.1 * RATE ** electra(p.name)) for p in ELECTRA}


SPEECH = (
    *("wav2vec2.masked_spec_embed", "wav2vec2.feature_extractor.conv_layers.0.conv.weight"),
    "wav2vec2.feature_extractor.conv_layers.1.conv.weight",
    *(
        "wav2vec2.feature_projection.layer_norm.weight",
        "wav2vec2.feature_projection.projection.bias",
    ),
    *("wav2vec2.encoder.pos_conv_embed.conv.weight",),
)
SPEECH_TOP = (*blocks("wav2vec2.encoder.layers", "attention.k_proj.weight"), "projector.weight")


def test_a_speech_models_extractor_is_below() -> None:
    model = model_of(*SPEECH, *SPEECH_TOP, "classifier.weight")
    found = exponents(model)

    assert {found[name] for name in SPEECH} == {L + 1}
    assert (found["projector.weight"], found["classifier.weight"]) == (0, 0)


def test_a_norm_that_may_be_the_first_or_the_last_is_refused() -> None:
    """wav2vec2 has one registered before its layers, and uses it before or after them."""
    norm = "wav2vec2.encoder.layer_norm.weight"
    model = model_of(*SPEECH, norm, *SPEECH_TOP, "classifier.weight")
    with pytest.raises(LedgerError) as caught:
        exponents(model)

    assert str(caught.value) == (
        "layer_decay: each parameter must be in a layer, below the first or above the last. "
        "Received: 'wav2vec2.encoder.layer_norm.*', of which neither the name nor the order of the "
        "modules tells it. Say it: layer_decay: {rate: 0.5, below: "
        "['wav2vec2.encoder.layer_norm.*']}, or above: [...] for the head's rate"
    )
    assert exponents(model, below=["*.encoder.layer_norm.*"])[norm] == L + 1
    assert exponents(model, above=["*.encoder.layer_norm.*"])[norm] == 0


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (["proj"], [], "'proj'"),
        (["gamma"], ["head.weight"], "'gamma'"),
        ([], ["blocks_token_only.0.attn.q.weight"], "'blocks_token_only.*'"),
        ([], ["decoder_blocks.1.attn.q.weight"], "'decoder_blocks.*'"),
        (["norm.weight"], [], "'norm.*'"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_name(
    before: list[str], after: list[str], lost: str
) -> None:
    model = model_of(*before, *blocks("blocks", *VIT_BLOCK), *after)
    with pytest.raises(LedgerError, match=rf"Received: {lost.replace('*', '[*]')}, of which"):
        exponents(model)


def test_what_stands_between_two_stacks_is_refused() -> None:
    model = model_of(
        *blocks("encoder.layers", "fc.weight"),
        "bridge.weight",
        *blocks("decoder.layers", "fc.weight"),
    )
    with pytest.raises(LedgerError, match=r"'bridge\.\*'"):
        exponents(model)


def test_a_layer_that_is_used_twice_is_refused() -> None:
    """Its parameters have the names of both."""
    shared = parameter("layers.0.fc.weight", aliases=("layers.1.fc.weight",))
    with pytest.raises(LedgerError, match=r"Received: 'layers\.0\.\*'"):
        exponents([shared, parameter("layers.2.fc.weight")])


def test_what_stands_still_needs_no_place() -> None:
    model = [*model_of(*blocks("blocks", *VIT_BLOCK)), parameter("proj", trainable=False)]

    assert exponents([parameter("gamma"), *model], above=["gamma"])["gamma"] == 0
    ledger = decide(
        [*model, parameter("scale")],
        spec_of(layer_decay=RATE, freeze={"patterns": ["scale"]}),
    )
    assert {r.parameter.name for r in ledger.rows if not r.trains} == {"proj", "scale"}


@pytest.mark.parametrize(
    ("names", "below"),
    [
        (["frontend.weight", *blocks("blocks", *VIT_BLOCK), "out.weight"], True),
        ([*blocks("blocks", *VIT_BLOCK), "out.weight", "frontend.weight"], False),
    ],
)
def test_the_order_of_modules_tells_what_names_do_not(names: list[str], below: bool) -> None:
    ledger = decide(model_of(*names), spec_of(layer_decay=RATE))
    row = {r.parameter.name: r for r in ledger.rows}["frontend.weight"]

    assert row.lr_rule == ("below blocks, registered before it" if below else "head")


def test_names_go_before_the_order() -> None:
    """A head that is registered first, embeddings that are registered last (DeBERTa's)."""
    model = [
        *model_of("head.weight", *blocks("encoder.layer", *LAYER)),
        parameter("encoder.rel_embeddings.weight", kind="embedding"),
    ]
    found = exponents(model)

    assert (found["head.weight"], found["encoder.rel_embeddings.weight"]) == (0, L + 1)


def test_a_head_of_layers_is_no_stack() -> None:
    """DETR's box head, a list of bare Linears, and a head called one."""
    model = model_of(
        *blocks("layers", "attn.weight"),
        *(f"bbox.layers.{i}.weight" for i in range(3)),
        *(f"head.layers.{i}.fc.weight" for i in range(3)),
    )
    found = exponents(model, above=["bbox.*"])

    assert {n for name, n in found.items() if not name.startswith("layers.")} == {0}


def test_a_list_of_bare_layers_is_a_stack_where_there_is_no_other() -> None:
    model = model_of("layers.0.weight", "layers.1.weight", "layers.2.weight")

    assert list(exponents(model).values()) == [3, 2, 1]


def test_a_tied_embedding_is_below_whichever_name_is_first() -> None:
    head_first = parameter("lm_head.weight", kind="embedding", aliases=("wte.weight",))
    table_first = parameter("wte.weight", kind="embedding", aliases=("lm_head.weight",))
    layers = model_of(*blocks("h", "mlp.c_fc.weight"))

    assert exponents([head_first, *layers])["lm_head.weight"] == L + 1
    assert exponents([table_first, *layers])["wte.weight"] == L + 1


def test_a_parameter_on_both_sides_is_refused() -> None:
    model = model_of("proj", *blocks("blocks", *VIT_BLOCK))
    with pytest.raises(LedgerError) as caught:
        exponents(model, below=["pro*"], above=["*j"])

    assert str(caught.value) == (
        "layer_decay: a parameter must be on one side. Received: 'proj' in below ('pro*') and in "
        "above ('*j')"
    )


def test_a_side_that_names_nothing_is_an_error() -> None:
    with pytest.raises(LedgerError, match=r"^layer_decay\.below: pattern 'stem\.\*' matches none"):
        exponents(model_of(*blocks("blocks", *VIT_BLOCK)), below=["stem.*"])


def test_what_the_spec_says_goes_before_everything() -> None:
    model = model_of("head.weight", *blocks("blocks", *VIT_BLOCK))
    ledger = decide(model, spec_of(layer_decay={"rate": RATE, "below": ["head.*"]}))
    row = {r.parameter.name: r for r in ledger.rows}["head.weight"]

    assert (row.lr_multiplier, row.lr_rule) == (RATE ** (L + 1), "below blocks (below head.*)")


def test_a_number_is_the_rate() -> None:
    assert spec_of(layer_decay=0.65) == spec_of(layer_decay={"rate": 0.65})
    assert decide(VIT, spec_of(layer_decay=0.65)) == decide(
        VIT, spec_of(layer_decay={"rate": 0.65})
    )
