"""The flow against its own inverse, automatic differentiation and nflows' 4-D transforms."""

import pytest
import torch
from nflows.transforms.base import CompositeTransform
from nflows.transforms.coupling import AffineCouplingTransform
from nflows.transforms.normalization import ActNorm
from nflows.transforms.permutations import Permutation
from torch import nn

from anomalib_ts.detectors.deep.training_loop import seeded
from anomalib_ts.detectors.fastflow1d.flow import (
    ActNorm1d,
    AffineCoupling1d,
    FixedPermutation,
    Flow1d,
    soft_clamp,
)


def random_flow(channels=6, hidden=8, steps=6, seed=0):
    """A flow that is as far from the identity as a trained one, not the identity it starts as."""
    with seeded(seed):
        flow = Flow1d(channels, hidden, steps)
        for parameter in flow.parameters():
            fan_in = parameter[0].numel() if parameter.dim() == 3 else 16
            nn.init.normal_(parameter, std=0.4 * fan_in**-0.5)
    return flow


def inputs(b=5, c=6, length=9, seed=1):
    return torch.randn(b, c, length, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [2, 3, 6, 16])
@pytest.mark.parametrize("length", [1, 2, 17])
def test_inverse_undoes_forward_in_float32(channels, length):
    flow = random_flow(channels)
    x = inputs(c=channels, length=length)
    latent, log_determinant = flow(x)
    assert latent.dtype == torch.float32
    restored, inverse_log_determinant = flow.inverse(latent)
    assert (latent - x).abs().max() > 0.1
    torch.testing.assert_close(restored, x, atol=1e-5, rtol=0)
    torch.testing.assert_close(inverse_log_determinant, -log_determinant, atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_log_determinants_sum_to_the_jacobian_of_autograd(channels):
    flow = random_flow(channels, hidden=5).double()
    x = inputs(b=1, c=channels, length=4).double()
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v)[0], x)
    size = channels * 4
    expected = torch.linalg.slogdet(jacobian.reshape(size, size)).logabsdet
    assert abs(expected) > 0.1
    torch.testing.assert_close(flow(x)[1].sum(), expected)


class ClampedCoupling(AffineCouplingTransform):
    """nflows' coupling with the same soft clamp in place of its contracting sigmoid."""

    def _scale_and_shift(self, transform_params):
        shift, raw = transform_params.chunk(2, dim=1)
        return soft_clamp(raw).exp(), shift


class OnFourDimensions(nn.Module):
    """Runs a 1-D network on `(b, c, l, 1)`, the shape that nflows takes."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, inputs, context=None):
        return self.net(inputs.squeeze(-1)).unsqueeze(-1)


def as_nflows(transform, channels):
    if isinstance(transform, AffineCoupling1d):
        mask = [0] * transform.kept + [1] * (channels - transform.kept)
        return ClampedCoupling(mask, lambda *_: OnFourDimensions(transform.net))
    if isinstance(transform, ActNorm1d):
        norm = ActNorm(channels).eval()
        norm.log_scale.data = soft_clamp(transform.log_scale.data[:, 0])
        norm.shift.data = transform.shift.data[:, 0]
        return norm
    return Permutation(transform.order, dim=1)


@pytest.mark.parametrize("channels", [4, 7])
def test_positions_sum_to_what_nflows_computes_in_four_dimensions(channels):
    flow = random_flow(channels).double()
    x = inputs(c=channels).double()
    reference = CompositeTransform([as_nflows(t, channels) for t in flow.transforms])
    latent, log_determinant = flow(x)
    expected_latent, expected_log_determinant = reference(x.unsqueeze(-1))
    torch.testing.assert_close(latent, expected_latent.squeeze(-1))
    torch.testing.assert_close(log_determinant.sum(dim=1), expected_log_determinant)


def test_a_position_reports_its_own_log_determinant():
    """Beyond the couplings' reach, a change at one position leaves the others' terms alone."""
    flow = random_flow(steps=2)  # one kernel of 3 in each of two convolutions: reach 2
    x = inputs(b=1, length=20)
    changed = x.clone()
    changed[:, :, 10] += 1
    difference = (flow(changed)[1] - flow(x)[1]).abs()[0]
    assert difference[8:13].max() > 1e-3
    assert difference[:8].max() < 1e-5
    assert difference[13:].max() < 1e-5


def test_a_new_flow_is_a_permutation():
    flow = Flow1d(6, 8, steps=4)
    x = inputs()
    latent, log_determinant = flow(x)
    order = torch.arange(6)
    for transform in flow.transforms:
        if isinstance(transform, FixedPermutation):
            order = order[transform.order]
    assert torch.equal(latent, x[:, order])
    assert log_determinant.abs().max() == 0


def test_kernels_alternate_between_3_and_1():
    couplings = [t for t in Flow1d(6, 8, steps=6).transforms if isinstance(t, AffineCoupling1d)]
    assert [c.net[0].kernel_size[0] for c in couplings] == [3, 1, 3, 1, 3, 1]
    assert [c.net[2].kernel_size[0] for c in couplings] == [3, 1, 3, 1, 3, 1]


def test_the_permutations_are_saved_with_the_flow():
    first, second = random_flow(seed=1), random_flow(seed=2)
    x = inputs()
    assert not torch.equal(first(x)[0], second(x)[0])
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x)[0], second(x)[0])
    orders = [name for name, _ in first.named_buffers() if name.endswith(".order")]
    assert len(orders) == 6


def test_log_scales_are_clamped_softly():
    raw = torch.tensor([-1e6, -0.01, 0.0, 0.01, 1e6])
    expected = torch.tensor([-2.0, -0.01, 0.0, 0.01, 2.0])
    torch.testing.assert_close(soft_clamp(raw), expected, atol=1e-6, rtol=0)


def test_dead_channels_give_nothing_infinite_however_long_the_training():
    flow = Flow1d(4, 8, steps=6)
    x = inputs(c=4)
    x[:, 1:3] = 0
    optimiser = torch.optim.Adam(flow.parameters(), lr=0.1)
    for _ in range(100):
        latent, log_determinant = flow(x)
        loss = (0.5 * latent.square().sum(dim=1) - log_determinant).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    unseen = torch.full((1, 4, 9), 1e3)
    assert all(parameter.isfinite().all() for parameter in flow.parameters())
    assert all(part.isfinite().all() for part in flow(unseen))
    assert log_determinant.max() < 4 * 6 * 4  # 4 channels, 6 steps, twice a log-scale below 2
