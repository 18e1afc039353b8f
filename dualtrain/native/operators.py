"""`amp.float32_operators`: what each framework calls an operator, by its neutral name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["HIDDEN", "OPERATORS"]

_TORCH: Mapping[str, Collection[str]] = {
    "cross_entropy": frozenset(
        {"cross_entropy", "cross_entropy_loss", "nll_loss", "nll_loss_nd", "nll_loss2d"}
    ),
    "exp": frozenset({"exp"}),
    "gelu": frozenset({"gelu"}),
    "layer_norm": frozenset({"layer_norm", "native_layer_norm"}),
    "log": frozenset({"log"}),
    "log_softmax": frozenset({"log_softmax", "special_log_softmax", "_log_softmax"}),
    "matmul": frozenset(
        {
            *("linear", "bilinear", "matmul", "linalg_matmul", "__matmul__", "__rmatmul__"),
            *("mm", "bmm", "mv", "dot", "vdot", "inner", "linalg_vecdot", "addmm", "addbmm"),
            *("addmv", "baddbmm", "chain_matmul", "linalg_multi_dot", "matrix_power"),
            *("linalg_matrix_power", "einsum", "tensordot"),
        }
    ),
    "mean": frozenset({"mean"}),
    "pow": frozenset({"pow", "__pow__", "__rpow__"}),
    "softmax": frozenset({"softmax", "special_softmax", "_softmax", "softmin"}),
    "sum": frozenset({"sum", "sum_to_size"}),
}
"""Neutral name -> the names of torch's functions: as `torch.`, `F.`, method or `torch.ops.aten.`.

exp2, log1p, logsumexp, nansum, square and the like are other operators, as they are in Paddle.
"""

HIDDEN: Mapping[str, frozenset[str]] = {
    "_native_multi_head_attention": frozenset({"matmul", "softmax"}),
    "_transformer_encoder_layer_fwd": frozenset({"gelu", "layer_norm", "matmul", "softmax"}),
    "cdist": frozenset({"matmul"}),
    "corrcoef": frozenset({"matmul", "sum"}),
    "cosine_similarity": frozenset({"sum"}),
    "cov": frozenset({"matmul", "sum"}),
    "gaussian_nll_loss": frozenset({"log", "mean", "pow", "sum"}),
    "gru": frozenset({"matmul"}),
    "gru_cell": frozenset({"matmul"}),
    "gumbel_softmax": frozenset({"log", "softmax"}),
    "linear_cross_entropy": frozenset({"cross_entropy", "matmul"}),
    "local_response_norm": frozenset({"pow"}),
    "lp_pool1d": frozenset({"pow"}),
    "lp_pool2d": frozenset({"pow"}),
    "lp_pool3d": frozenset({"pow"}),
    "lstm": frozenset({"matmul"}),
    "lstm_cell": frozenset({"matmul"}),
    "multi_head_attention_forward": frozenset({"matmul", "mean", "softmax"}),
    "multilabel_soft_margin_loss": frozenset({"mean", "sum"}),
    "rnn_relu": frozenset({"matmul"}),
    "rnn_relu_cell": frozenset({"matmul"}),
    "rnn_tanh": frozenset({"matmul"}),
    "rnn_tanh_cell": frozenset({"matmul"}),
    "scaled_dot_product_attention": frozenset({"matmul", "softmax"}),
    "trapezoid": frozenset({"sum"}),
    "trapz": frozenset({"sum"}),
    "triplet_margin_with_distance_loss": frozenset({"mean", "sum"}),
}
"""torch's functions in which operators are out of reach -> these, by neutral names."""

_ATTENTION = (
    *("flash_attn", "flash_attn_unpadded", "flash_attn_qkvpacked", "flash_attn_varlen_qkvpacked"),
    *("flashmask_attention", "fused_dot_product_attention", "memory_efficient_attention"),
)
"""Attention in one operator, for which Paddle has no float32 kernel: it then refuses the call."""

_PADDLE: Mapping[str, Collection[str]] = {
    "cross_entropy": ("softmax_with_cross_entropy", "nll_loss"),
    "exp": ("exp",),
    "gelu": ("gelu",),
    "layer_norm": (
        *("layer_norm", "fused_bias_residual_layernorm", "fused_bias_dropout_residual_layer_norm"),
    ),
    "log": ("log",),
    "log_softmax": ("log_softmax",),
    "matmul": (
        *("matmul_v2", "linear_v2", "fused_gemm_epilogue", "bmm", "addmm", "baddbmm", "mv", "dot"),
        *("einsum", "multi_dot", "matrix_power", "bilinear_tensor_product", "rnn", *_ATTENTION),
    ),
    "mean": ("mean", "reduce_mean"),
    "pow": ("pow", "elementwise_pow"),
    "softmax": (
        *("softmax", "gumbel_softmax", "fused_softmax_mask", "fused_softmax_mask_upper_triangle"),
        *_ATTENTION,
    ),
    "sum": ("reduce_sum",),
}
"""Neutral name -> the names that Paddle's autocast knows the operators by.

It asks nothing for the forms that write in place: those compute in their tensor's own type.
"""

OPERATORS: Mapping[str, Mapping[str, Collection[str]]] = {"torch": _TORCH, "paddle": _PADDLE}
"""Backend -> neutral name -> the names of its own."""
