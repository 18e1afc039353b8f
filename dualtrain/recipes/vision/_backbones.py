"""Which parameters PaddleDetection's backbones freeze, and which they spare from decay."""

from __future__ import annotations

from dataclasses import dataclass

from dualtrain.recipes.vision._reading import Reading

__all__ = ["backbone", "freeze", "spare_norms"]


@dataclass(frozen=True, slots=True)
class Backbone:
    """The defaults of one class."""

    at: int | None = None
    """The stem and the stages up to this one stand still. -1: none; None: there is no such key."""
    norm: bool | None = None
    """`freeze_norm`; None: no such key."""
    spares_norms: bool = False
    """Its norms have a regularizer of their own, L2Decay(0.0) unless `norm_decay` says another."""
    key: str = "freeze_at"


RESIDUAL = Backbone(0, True, True)
SPARING = Backbone(spares_norms=True)
SWIN = Backbone(-1, key="frozen_stages")

BACKBONES = {
    **dict.fromkeys(("ResNet", "SENet", "Res2Net", "HRNet", "LiteHRNet", "PPHGNetV2"), RESIDUAL),
    "DarkNet": Backbone(-1, False, True),
    **dict.fromkeys(("GhostNet", "MobileNetV3"), Backbone(None, False, True)),
    **dict.fromkeys(("CSPResNet", "CSPDarkNet", "LCNet", "ShuffleNetV2", "MobileNet"), SPARING),
    **dict.fromkeys(("SwinTransformer", "FocalNet"), SWIN),
    **dict.fromkeys(
        (
            *("BlazeNet", "CLRResNet", "ConvNeXt", "DLA", "ESNet", "HarDNet", "TransEncoder"),
            *("VGG", "VisionTransformer", "VisionTransformer2D", "ViT"),
        ),
        Backbone(),
    ),
}


def backbone(reading: Reading) -> str | None:
    """The class of the backbone of the architecture, which may have a detector that has it."""
    at = reading.value("architecture")
    for _ in range(3):
        if not isinstance(at, str):
            return None
        for key in (f"{at}.backbone", f"{at}.backbone.name"):
            name = reading.value(key)
            if isinstance(name, str):
                return name
        at = reading.value(f"{at}.detector")
    return None


def freeze(reading: Reading, decays: bool) -> None:
    """What stands still, and whether the model's own attributes take decay off its norms.

    `decays`: whether the optimizer has a decay that such an attribute replaces.
    """
    name = backbone(reading)
    if name is None or name not in BACKBONES:
        why = "the backbone's class decides what it freezes"
        key = "architecture" if name is None else name
        reading.doubt("freeze", f"{why}: {name or 'none is named'}", key)
        return
    kind = BACKBONES[name]
    still = []
    at = kind.at if kind.at is None else reading.figure(f"{name}.{kind.key}", kind.at)
    if at is not None and at >= 0:
        stem = reading.value(f"{name}.freeze_stem_only", name == "PPHGNetV2")
        still.append("backbone stem" if stem else f"backbone stem and stages up to {at}")
    norms = kind.norm is not None and reading.value(f"{name}.freeze_norm", kind.norm)
    if norms:
        still.append("backbone norms")
    given = [key for key in (kind.key, "freeze_norm") if reading.has(f"{name}.{key}")]
    if given:
        reading.state("freeze", still, f"{name}.{given[0]}")
    else:
        reading.imply("freeze", still, f"defaults of {name}")
    if decays and kind.spares_norms and not norms and not reading.value(f"{name}.norm_decay"):
        spare_norms(reading, name)


def spare_norms(reading: Reading, name: str) -> None:
    """Warn that a class of model decides itself what does not decay."""
    text = f"{name} takes decay off its norms by an attribute (L2Decay(0.0)) of each"
    reading.warn("decay_in_model_code", None, text, "weight_decay.exclude")
