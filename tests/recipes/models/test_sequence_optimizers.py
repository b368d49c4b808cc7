import pytest
import torch

from openpersonalize.recipes.models.sequence_optimizers import AdamW, Muon, orthogonalised


@pytest.mark.parametrize("shape", [(2, 48, 16), (3, 16, 48), (1, 16, 16)])
def test_newton_schulz_brings_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert values.shape[0] == shape[0]
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_newton_schulz_keeps_the_directions() -> None:
    matrix = torch.randn(8, 8, generator=torch.Generator().manual_seed(3))
    left, _, right = torch.linalg.svd(matrix)
    turned = left.mT @ orthogonalised(matrix[None])[0] @ right.mT
    torch.testing.assert_close(turned, torch.diag(torch.diag(turned)), atol=1e-4, rtol=0.0)


def test_muon_descends() -> None:
    matrices = [torch.nn.Parameter(torch.ones(4, 4)), torch.nn.Parameter(torch.ones(4, 4))]
    optimizer = Muon(matrices, 0.1)
    for _ in range(40):
        for matrix in matrices:
            matrix.grad = 2 * matrix.detach()
        optimizer.step(1.0)
    assert all(float((matrix.detach() ** 2).sum()) < 4 for matrix in matrices)


def test_adamw_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(4)
    ours = torch.nn.Parameter(torch.randn(5, 3, generator=generator))
    theirs = torch.nn.Parameter(ours.detach().clone())
    optimizer = AdamW([ours], 0.02, decay=0.1)
    reference = torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.98), weight_decay=0.1)
    for _ in range(5):
        ours.grad = torch.randn(5, 3, generator=generator)
        theirs.grad = ours.grad.clone()
        optimizer.step(0.5)
        reference.step()
    torch.testing.assert_close(ours, theirs)
