"""What moves the weights: torch.optim's optimizers without its compiler, and Muon for filters and matrices."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.config import Training


def make_optimizer(
    parameters: Iterable[nn.Parameter], training: Training, device: torch.device, *, are_stacked: bool = False
) -> torch.optim.Optimizer:
    """The optimizer from torch.optim, fused into one pass over the parameters where it has such a version, or `Muon`.

    Those of torch.optim update every number by its own gradient and history alone: none looks at a whole tensor. Weight
    decay pulls at filters and matrices, not at biases and what batch norm learns, γ and β: these have one number a
    channel, and shrinking them makes nothing simpler (He et al. 2019, "Bag of tricks", §3.1). are_stacked: each
    parameter has a leading dimension of seeds.
    """
    parameters = list(parameters)
    names = {"adam": "Adam", "adamw": "AdamW", "nadam": "NAdam", "radam": "RAdam", "adamax": "Adamax"}
    names |= {"adagrad": "Adagrad", "rmsprop": "RMSprop", "sgd": "SGD"}
    is_muon = training.optimizer == "muon"
    make: Any = _without_compiler(Muon if is_muon else getattr(torch.optim, names[training.optimizer]))
    offered = {
        "lr": training.learning_rate,
        "betas": training.betas,
        "momentum": training.momentum,
        "weight_decay": training.weight_decay,
        "are_stacked": are_stacked,
        # PyTorch's fused kernels take no complex numbers.
        "fused": device.type in ("cpu", "cuda") and all(each.is_floating_point() for each in parameters),
    }
    accepted = inspect.signature(make).parameters
    if training.optimizer == "rmsprop":
        offered.pop("momentum")  # torch's default, 0, is Hinton's; its momentum is another thing than SGD's
    options = {name: value for name, value in offered.items() if name in accepted}
    if not training.weight_decay and not is_muon:
        return make(parameters, **options)
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in parameters:
        groups[parameter.dim() - are_stacked >= 2].append(parameter)
    return make(
        [
            {"params": group} if is_matrix else {"params": group, "weight_decay": 0.0}
            for is_matrix, group in groups.items()
            if group
        ],
        **options,
    )


@cache
def _without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """An optimizer with the methods of `kind` as they are beneath what `torch.compile` needs of them.

    That imports the compiler with the first of them, for a second or two in which nothing is trained. Nobody compiles
    these.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(inspect.unwrap(kind.step))})


#: Of a singular value's polynomial a·s + b·s³ + c·s⁵, five times over: small ones grow quickly, and all come to lie
#: between 0.7 and 1.2 (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks").
_QUINTIC, _TIMES = (3.4445, -4.7750, 2.0315), 5

#: A Muon step's root mean square over the learning rate: about that of Adam's, so that one rate is right for both.
_LIKE_ADAM = 0.2


class Muon(torch.optim.Adam):
    """Filters and matrices move by their momentum made orthogonal, all other parameters by Adam.

    A filter (out, in, height, width) is a matrix of a row for each output channel. Where the averaged gradient is
    U S Vᵀ the matrix moves by about U Vᵀ: every direction counts alike, however small its share of the gradient. That
    is scaled by 0.2 √(the longer side), so that Adam's learning rate is right for it (Jordan et al. 2024, "Muon"; Liu
    et al. 2025, "Muon is scalable for LLM training", §2.2). Momentum is Nesterov's, weight decay is decoupled.

    We deviate in three things. The layer that answers is among the matrices (they leave it to Adam): LeNet-5 got
    further by that. The iteration runs in the parameters' own precision, not in bfloat16; and on the small Gram matrix
    alone, whose polynomials all commute: a quarter of the products for SimpleCNN's dense layer.

    params: groups, each of matrices or of other parameters alone. are_stacked: each parameter has a leading dimension
    of seeds, which stay apart.
    """

    def __init__(
        self,
        params: list[dict[str, Any]],
        lr: float,
        betas: tuple[float, float],
        momentum: float,
        weight_decay: float,
        fused: bool,
        are_stacked: bool,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, fused=fused)
        own = {"momentum": momentum, "are_stacked": are_stacked}
        self.defaults |= own
        for group in self.param_groups:
            group.update(own)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Adam's asks every parameter for Adam's history.
        torch.optim.Optimizer.__setstate__(self, state)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move every parameter that has a gradient; `closure` as any optimizer of torch takes it."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        every = self.param_groups
        matrices = [group for group in every if self._are_matrices(group)]
        for group in matrices:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        self.param_groups = [group for group in every if not self._are_matrices(group)]
        try:
            inspect.unwrap(torch.optim.Adam.step)(self)
        finally:
            self.param_groups = every
        return loss

    @staticmethod
    def _are_matrices(group: dict[str, Any]) -> bool:
        return group["params"][0].dim() - group["are_stacked"] >= 2

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, history = parameter.grad, self.state[parameter]
        assert gradient is not None
        if gradient.is_sparse:
            raise RuntimeError("Muon does not support sparse gradients")  # as torch's optimizers say it
        if "momentum_buffer" not in history:
            history["momentum_buffer"] = torch.zeros_like(parameter)
        rate, momentum = group["lr"], group["momentum"]
        average = history["momentum_buffer"].lerp_(gradient, 1 - momentum)
        update = orthogonal(gradient.lerp(average, momentum).flatten(group["are_stacked"] + 1))
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.add_(update.reshape(parameter.shape), alpha=-rate * _LIKE_ADAM * math.sqrt(max(update.shape[-2:])))


def orthogonal(matrix: Tensor) -> Tensor:
    """Matrices (…, m, n) = U S Vᵀ → about U Vᵀ: singular values of 0.7 to 1.2, but for those below a hundredth of ‖S‖.

    By the quintic Newton–Schulz iteration of Jordan et al. 2024, after division by ‖S‖; at least in float32. Complex
    ones are U S Vᴴ. Of a matrix of zeros: zeros.
    """
    is_tall = matrix.shape[-2] > matrix.shape[-1]
    x = (matrix.mH if is_tall else matrix).to(torch.promote_types(matrix.dtype, torch.float32))
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    gram = x @ x.mH
    product = factor = _factor(gram)
    for _ in range(_TIMES - 1):
        gram = factor @ gram @ factor
        factor = _factor(gram)
        product = factor @ product
    x = (product @ x).to(matrix.dtype)
    return x.mH if is_tall else x


def _factor(gram: Tensor) -> Tensor:
    """What a pass multiplies by: a + b·G + c·G², from which x goes to a·x + b·x xᴴ x + c·(x xᴴ)² x."""
    a, b, c = _QUINTIC
    factor = b * gram + c * (gram @ gram)
    factor.diagonal(dim1=-2, dim2=-1).add_(a)
    return factor
