"""What functions of a network do to the scales of neurons, by the names that PyTorch calls them by."""

# f(s x) = s f(x) for s > 0, element by element or over places of one channel
HOMOGENEOUS = frozenset(
    (
        "relu", "relu_", "leaky_relu", "leaky_relu_", "rrelu", "abs", "abs_", "neg", "__neg__", "dropout", "dropout1d",
        "dropout2d", "dropout3d", "identity", "contiguous", "clone", "to", "float", "double", "dropout_",
    )
)  # fmt: skip
POOLING = frozenset(
    (
        "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
        "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
        "adaptive_max_pool3d",
    )
)  # fmt: skip
REDUCING = frozenset(("mean", "sum", "amax"))
MOVING = frozenset(
    (
        "flatten", "view", "reshape", "permute", "transpose", "__getitem__", "squeeze", "unsqueeze", "chunk", "split",
        "narrow", "select", "expand", "unflatten", "movedim", "swapaxes", "flip", "roll", "t",
    )
)  # fmt: skip
# functions of single numbers that are not homogeneous: what they act on keeps its scale, and is still that neuron
ELEMENTWISE = frozenset(
    (
        "tanh", "sigmoid", "gelu", "silu", "elu", "elu_", "selu", "celu", "softplus", "softsign", "mish", "hardtanh",
        "hardtanh_", "relu6", "hardsigmoid", "hardswish", "logsigmoid", "tanhshrink", "hardshrink", "softshrink",
        "threshold", "threshold_", "clamp", "clamp_", "clamp_min", "clamp_max", "exp", "log", "log1p", "square",
        "pow", "__pow__", "sqrt", "sin", "cos",
    )
)  # fmt: skip
ADDING = frozenset(("add", "add_", "__add__", "__iadd__", "__radd__", "sub", "sub_", "__sub__", "__isub__", "__rsub__"))
MULTIPLYING = frozenset(
    ("mul", "mul_", "__mul__", "__imul__", "__rmul__", "div", "div_", "__truediv__", "__itruediv__", "true_divide")
)
JOINING = frozenset(("cat", "concat", "stack"))
NO_VALUES = frozenset(
    (
        "__get__", "size", "dim", "numel", "is_floating_point", "shape", "__len__", "ndimension", "stride", "device",
        "_set_grad_enabled", "new_zeros", "new_ones", "new_empty", "new_full", "zeros_like", "ones_like",
    )
)  # fmt: skip
ATTENTION = frozenset(
    ("scaled_dot_product_attention", "multi_head_attention_forward", "softmax", "matmul", "__matmul__", "bmm", "einsum")
)
