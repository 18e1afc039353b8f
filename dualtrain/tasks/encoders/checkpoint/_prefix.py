"""What stands before a checkpoint's names that neither library puts there: a wrapper's own word."""

from __future__ import annotations

from pathlib import Path

from dualtrain.listing import listed
from dualtrain.tasks.encoders._words import Family
from dualtrain.tasks.encoders.checkpoint._fields import BOTH_HAVE, MODEL_TYPE
from dualtrain.tasks.encoders.checkpoint._files import refusal

__all__ = ["check_prefix"]

_FIRST = "embeddings.word_embeddings.weight"
"""A tensor that every encoder has, and that both libraries call so."""

_WRAPPERS = {
    "module.": "torch.nn.DataParallel",
    "_orig_mod.": "torch.compile",
    "_fsdp_wrapped_module.": "FSDP",
    "_checkpoint_wrapped_module.": "a checkpoint wrapper",
}


def check_prefix(folder: Path, names: frozenset[str], family: Family) -> None:
    """Refuse names that a wrapper, or a model around the model, has made longer.

    Raises `CheckpointError` with what to strip, and how; of another family with both names.
    """
    extra = _wrapper(names, family) or _outer(folder, names, family)
    if extra is None:
        return
    whose = f", which {_WRAPPERS[extra]} puts there" if extra in _WRAPPERS else ""
    example = next(name for name in sorted(names) if extra in name)
    raise refusal(
        folder,
        f"the tensors must have the names of the model alone, without {extra!r}{whose}: save the "
        f"model inside, or strip the names, in the folder: "
        f'python -c "{_STRIP.format(extra=extra)}"',
        example,
    )


_STRIP = (
    "from pathlib import Path; from safetensors.torch import load, save_file; "
    "f = Path('model.safetensors'); w = load(f.read_bytes()); "
    "save_file({{k.replace('{extra}', '', 1): v for k, v in w.items()}}, f, {{'format': 'pt'}})"
)


def _wrapper(names: frozenset[str], family: Family) -> str | None:
    """The word of a known wrapper, anywhere in a name that would be the model's without it."""
    ours = (f"{family}.", "embeddings.", "encoder.", "pooler.", "classifier.")
    for word in _WRAPPERS:
        wrapped = (f".{name}".replace(f".{word}", ".", 1) for name in names if word in name)
        if any(name.startswith(tuple(f".{part}" for part in ours)) for name in wrapped):
            return word
    return None


def _outer(folder: Path, names: frozenset[str], family: Family) -> str | None:
    """What stands before the only encoder's own name, by a tensor that each encoder has."""
    found = sorted(name.removesuffix(_FIRST) for name in names if name.endswith(_FIRST))
    if not found or {"", f"{family}."} & {*found}:
        return None
    named = found[0].removesuffix(".")
    if MODEL_TYPE.holds(named) or named in BOTH_HAVE:
        raise refusal(
            folder,
            f"the weights must be those of config.json's model_type, {family}: their names begin "
            f"with {family}. or with embeddings",
            f"{found[0]}{_FIRST}",
        )
    if len(found) > 1:
        raise refusal(
            folder,
            "the weights must be those of one encoder; save that one alone with "
            "encoder.save_pretrained(folder)",
            listed(found),
        )
    return found[0].replace(f"{family}.", "", 1)
