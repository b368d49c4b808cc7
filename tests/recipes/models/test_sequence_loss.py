import numpy as np
import pytest
import torch

from openpersonalize.recipes.models.sequence_loss import FusedCrossEntropy, Sampler


def test_the_fused_loss_and_its_gradients_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(1)
    states, table, bias = (
        torch.randn(*shape, generator=generator).requires_grad_() for shape in ((1100, 8), (30, 8), (30,))
    )
    target = torch.randint(30, (1100,), generator=generator)
    weight = torch.rand(1100, generator=generator)
    loss = FusedCrossEntropy.apply(states, table, bias, target, weight, torch.float32)  # type: ignore[no-untyped-call]
    found = torch.autograd.grad(3 * loss, (states, table, bias))
    each = torch.nn.functional.cross_entropy(states @ table.t() + bias, target, reduction="none")
    plain = (each * weight).sum() / weight.sum()
    torch.testing.assert_close(loss, plain)
    for ours, theirs in zip(found, torch.autograd.grad(3 * plain, (states, table, bias)), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_shifts_correct_the_negatives_but_never_the_target() -> None:
    generator = torch.Generator().manual_seed(2)
    states, table = torch.randn(7, 4, generator=generator), torch.randn(5, 4, generator=generator)
    target, shift = torch.tensor([0, 1, 2, 3, 4, 0, 1]), torch.tensor([0.5, -0.5, 0.0, -torch.inf, -torch.inf])
    loss = FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states, table, torch.zeros(5), target, torch.ones(7), torch.float32, shift
    )
    logits = states @ table.t()
    moved = torch.where(torch.nn.functional.one_hot(target, 5).bool(), logits, logits + shift)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(moved, target))


def test_a_sample_estimates_the_sum_over_all_items() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 1000, size=2000)
    sampler = Sampler.of(counts, draws=600)
    logits = rng.normal(size=2000)
    sums = []
    for _ in range(100):
        events = np.unique(rng.choice(2000, size=300, p=counts / counts.sum()))
        chosen = sampler.draw(events, 300, rng)
        assert set(events) <= set(chosen.rows.tolist())
        sums.append(np.exp(logits[chosen.rows.numpy()] + chosen.shift.numpy()).sum())
    assert np.mean(sums) == pytest.approx(np.exp(logits).sum(), rel=0.02)
