import numpy as np
import onnxruntime
import pytest
import torch

from openpersonalize.recipes.models.sequence_network import Dropout, Encoder
from openpersonalize.recipes.models.sequence_onnx import graph


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
