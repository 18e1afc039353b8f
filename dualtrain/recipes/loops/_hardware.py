"""What a program does on the hardware that it prefers: where devices are there and can all."""

from __future__ import annotations

from dualtrain.reading import DictValue, Known, Made, Unknown, Value

__all__ = ["holds", "preferred"]

THERE = ("is_available", "is_bf16_supported", "is_bfloat16_supported", "is_compiled_with_cuda")
COUNTS = ("device_count",)
CPU = ("cpu",)


def holds(test: Value) -> bool | None:
    """Whether a test of hardware holds on the preferred one; None of any other test.

    >>> there = Made("torch.cuda.is_available", (), {}, ..., ...)
    >>> holds(there), holds(Unknown(op="not", operands=(there,))), holds(Unknown(op="name"))
    (True, False, None)
    """
    match test:
        case Known():
            return bool(test.value)
        case Made(path=path) if path.rpartition(".")[2] in THERE:
            return True
        case Made(path=path) if path.rpartition(".")[2] in COUNTS:
            return True
        case Unknown(op="not", operands=(one,)):
            inner = holds(one)
            return None if inner is None else not inner
        case Unknown(op="and" | "or" as op, operands=operands):
            known = [holds(one) for one in operands]
            decides = op == "or"
            return decides if decides in known else None if None in known else not decides
        case Unknown(op="==" | "!=" | ">" | ">=" as op, operands=(a, b)):
            return _compared(op, a, b)
        case Unknown(op="in", operands=(Known(value="cuda" | "gpu"), _)):
            return True
        case Unknown(op="if"):
            chosen = preferred(test)
            return holds(chosen) if chosen is not test else None
    return None


def _compared(op: str, a: Value, b: Value) -> bool | None:
    device = preferred(a)
    if isinstance(b, Known) and b.value in CPU:
        return op == "!="
    if isinstance(a, Made) and a.path.rpartition(".")[2] in COUNTS:
        return op in (">", ">=", "!=")
    if isinstance(device, Known) and isinstance(b, Known) and op in ("==", "!="):
        return (device.value == b.value) is (op == "==")
    return None


def preferred(value: Value) -> Value:
    """The side of a choice that is taken on the preferred hardware, of an entry looked up so too;
    any other value itself."""
    if isinstance(value, Unknown) and value.op == "if":
        test, then, otherwise = value.operands
        held = holds(test)
        return value if held is None else preferred(then if held else otherwise)
    if isinstance(value, Unknown) and value.op == "item" and len(value.operands) == 2:
        of, key = value.operands[0], preferred(value.operands[1])
        if isinstance(of, DictValue) and isinstance(key, Known) and key.value in of.cells:
            return preferred(of.cells[key.value])
    return value
