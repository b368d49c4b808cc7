"""The two optimizers of a training, as plain classes: torch's own bring its compiler along, seconds of import.

Both take a factor per step, which is where the schedule acts.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter


class AdamW:
    """Adam with decoupled weight decay (https://arxiv.org/abs/1711.05101)."""

    def __init__(self, parameters: Sequence[Parameter], rate: float, *, decay: float = 0.0) -> None:
        self.parameters = parameters
        self.rate = rate
        self.decay = decay
        self.means = [torch.zeros_like(parameter) for parameter in parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, factor: float, betas: tuple[float, float] = (0.9, 0.98), epsilon: float = 1e-8) -> None:
        """One update at `factor` times the rate; parameters without gradient rest."""
        self.steps += 1
        rate = self.rate * factor
        mean_share, square_share = (1 - beta**self.steps for beta in betas)
        for parameter, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1 - betas[0])
            square.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
            if self.decay:
                parameter.mul_(1 - rate * self.decay)
            root = square.sqrt().div_(math.sqrt(square_share)).add_(epsilon)
            parameter.addcdiv_(mean, root, value=-rate / mean_share)


class Muon:
    """Momentum whose step is orthogonalised (https://kellerjordan.github.io/posts/muon): for hidden matrices.

    Matrices of one shape are orthogonalised together.
    """

    def __init__(self, matrices: Sequence[Parameter], rate: float, *, decay: float = 0.0) -> None:
        shapes: dict[torch.Size, list[Parameter]] = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        self.groups = list(shapes.values())
        self.means = [torch.zeros(len(group), *group[0].shape) for group in self.groups]
        self.rate = rate
        self.decay = decay

    @torch.no_grad()
    def step(self, factor: float, momentum: float = 0.95) -> None:
        """One update at `factor` times the rate."""
        rate = self.rate * factor
        for group, mean in zip(self.groups, self.means, strict=True):
            gradients = torch.stack([torch.zeros_like(each) if each.grad is None else each.grad for each in group])
            mean.lerp_(gradients, 1 - momentum)
            updates = orthogonalised(gradients.lerp_(mean, momentum))
            rows, columns = group[0].shape
            for matrix, update in zip(group, updates, strict=True):
                matrix.mul_(1 - rate * self.decay)
                matrix.add_(update, alpha=-rate * math.sqrt(max(1, rows / columns)))


def orthogonalised(matrices: Tensor, rounds: int = 5) -> Tensor:
    """Matrices [n, rows, columns] with all singular values brought near 1, by a quintic Newton-Schulz iteration."""
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    x = x.mT if tall else x
    for _ in range(rounds):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.mT if tall else x
