import numpy as np
import onnxruntime
import pytest
import torch

from openpersonalize.recipes.models.sequence_network import Dropout, Encoder, FusedCrossEntropy
from openpersonalize.recipes.models.sequence_onnx import graph


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


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    generator = torch.Generator().manual_seed(3)
    drop = Dropout(Dropout.masks(0.25, 1000, torch.float32, generator), generator)
    masked = torch.stack([drop(torch.ones(1000)) for _ in range(50)])
    assert float(masked.mean()) == pytest.approx(1.0, abs=0.02)
    assert float((masked == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("width", "heads", "layers"), [(16, 1, 1), (16, 2, 2), (24, 2, 3)])
def test_the_graph_computes_what_torch_computes(width: int, heads: int, layers: int) -> None:
    generator = torch.Generator().manual_seed(4)
    encoder = Encoder(width, heads, layers, generator)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    weights = {name: value.detach().numpy() for name, value in encoder.named_parameters()}
    session = onnxruntime.InferenceSession(graph(weights, heads, 32), providers=["CPUExecutionProvider"])
    x, last = torch.randn(3, 20, width, generator=generator), np.array([19, 0, 7])
    (found,) = session.run(None, {"x": x.numpy(), "last": last})
    with torch.no_grad():
        wanted = encoder(x)[torch.arange(3), torch.from_numpy(last)].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
