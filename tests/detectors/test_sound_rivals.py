"""The rivals of the weakly supervised autoencoder: losses by hand, and what each is for."""

import copy
import math
from itertools import chain

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import (
    DcaseAutoencoder,
    DeepSad,
    DeepSvdd,
    DenseAutoencoder,
    DevNet,
    MobileFaceNet,
    Usad,
    load_detector,
)
from anomalib_ts.detectors.deep.batches import FullBatches
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import train_module
from anomalib_ts.detectors.deep_sad.detector import semi_supervised_loss
from anomalib_ts.detectors.deep_svdd.detector import HypersphereModel
from anomalib_ts.detectors.devnet.detector import deviation_loss
from anomalib_ts.detectors.mobilefacenet.torch_model import (
    MARGIN,
    SCALE,
    MobileFaceNetModel,
    PReLU,
    margin_loss,
)
from anomalib_ts.detectors.usad.lightning_model import UsadModule
from anomalib_ts.detectors.usad.torch_model import UsadModel, blended
from anomalib_ts.errors import ConfigError, InputError
from tests.detectors.test_deep_parts import cut


def settings(steps=60, precision="32-true"):
    return TrainerSettings(
        accelerator="cpu", precision=precision, max_epochs=-1, max_steps=steps, progress=False
    )


def clip(seed, anomalous=0, machine=0, n=40, channels=6):
    """Noise around the machine's own profile; a faulty clip has one channel turned up."""
    rng = np.random.default_rng([seed, anomalous, machine])
    values = rng.normal(size=(n, channels))
    values[:, machine] += 2
    values[:, -1] += 1.5 * anomalous
    return Recording(20 + 3 * values, label=anomalous, machine_id=f"id_{machine:02d}")


TRAIN = [clip(i, machine=i % 2) for i in range(30)]
FAULTY = [clip(i, 1, machine=i % 2) for i in range(4)]
TEST = [clip(1000 + i, i // 20, i % 2) for i in range(40)]
TRUTH = [recording.label for recording in TEST]
# Faults that no label is needed for: three times the noise.
GROSS = [Recording(r.values + 2 * (r.values - 20) * r.label, label=r.label) for r in TEST]

SMALL = {"window": 8, "batch_size": 32, "trainer": settings()}
RIVALS = {
    "dcase": DcaseAutoencoder(width=16, latent=2, batch_size=64, trainer=settings()),
    "usad": Usad(**SMALL, latent=2),
    "svdd": DeepSvdd(**SMALL | {"trainer": settings(200)}, width=16, latent=4),
    "sad": DeepSad(**SMALL | {"trainer": settings(200)}, width=16, latent=4),
    "devnet": DevNet(**SMALL, width=16),
}
WEAK = ("sad", "devnet")


@pytest.mark.parametrize("name", RIVALS)
def test_faulty_clips_score_higher(name):
    weak = name in WEAK
    detector = RIVALS[name].fit(TRAIN + FAULTY if weak else TRAIN)
    test = TEST if weak else GROSS
    assert roc_auc_score(TRUTH, [detector.score(recording).mean() for recording in test]) > 0.95


@pytest.mark.parametrize("name", WEAK)
def test_without_labelled_anomalies_there_is_nothing_to_learn_from(name):
    with pytest.raises(InputError, match="learns from labelled anomalies"):
        RIVALS[name].fit(TRAIN)


def test_semi_supervised_loss_by_hand():
    distances = torch.tensor([2.0, 0.5, 4.0])
    anomalous = torch.tensor([0.0, 1.0, 1.0])
    loss = semi_supervised_loss(distances, anomalous, eta=3.0)
    assert loss.item() == pytest.approx((2 + 3 / 0.5 + 3 / 4) / 3, rel=1e-5)
    at_centre = semi_supervised_loss(torch.tensor([0.0]), torch.tensor([1.0]), eta=1.0)
    assert at_centre.item() == pytest.approx(1e6, rel=1e-3)


def test_deviation_loss_by_hand():
    reference = torch.tensor([1.0, 3.0])  # mean 2, deviation 1
    scores = torch.tensor([4.0, 1.0, 4.0, 9.0])
    anomalous = torch.tensor([0.0, 0.0, 1.0, 1.0])
    # Normal: |4 - 2| and |1 - 2|; anomalous: 5 - 2, and nothing for 7 deviations.
    assert deviation_loss(scores, anomalous, reference).item() == pytest.approx((2 + 1 + 3 + 0) / 4)


@pytest.mark.parametrize(("epoch", "expected"), [(1, 4.0), (4, 0.25 * 4 + 0.75 * 9)])
def test_adversarial_errors_gain_weight_by_epoch(epoch, expected):
    loss = blended(torch.tensor(4.0), torch.tensor(9.0), epoch)
    assert loss.item() == pytest.approx(expected)


def single(recording):
    return Recording(recording.values.astype(np.float32))


def train_as_published(model, batches, epochs, learning_rate):
    """Audibert et al., equations 5 and 6, each optimiser with its own forward and gradients."""
    encoder, (decoder_1, decoder_2) = model.encoder, model.decoders
    adams = [
        torch.optim.Adam(chain(encoder.parameters(), decoder.parameters()), lr=learning_rate)
        for decoder in (decoder_1, decoder_2)
    ]
    for n in range(1, epochs + 1):
        for batch in batches:
            for which, adam in enumerate(adams):
                w = model._scaled(batch.double())
                rebuilt_1, rebuilt_2 = decoder_1(encoder(w)), decoder_2(encoder(w))
                rebuilt_both = decoder_2(encoder(rebuilt_1))
                error_1, error_2, error_both = (
                    ((w - rebuilt) ** 2).mean() for rebuilt in (rebuilt_1, rebuilt_2, rebuilt_both)
                )
                losses = (
                    1 / n * error_1 + (1 - 1 / n) * error_both,
                    1 / n * error_2 - (1 - 1 / n) * error_both,
                )
                model.zero_grad()
                losses[which].backward()
                adam.step()


def test_usad_trains_to_the_weights_of_the_published_algorithm():
    torch.manual_seed(0)
    model = UsadModel(torch.zeros(6), torch.full((6,), 40.0), window=8, latent=4).double()
    untrained, published = copy.deepcopy(model), copy.deepcopy(model)
    blocks = cut([single(r) for r in TRAIN[:8]], 8, 8, "drop")
    train_as_published(published, FullBatches(blocks, 16, seed=0), 3, 1e-3)
    module, double = UsadModule(model, 1e-3), settings(9, "64-true")
    train_module(module, FullBatches(blocks, 16, seed=0), double, seed=0, stage="USAD")
    for name, weights in model.named_parameters():
        assert not torch.equal(weights, untrained.get_parameter(name))
        torch.testing.assert_close(weights, published.get_parameter(name), rtol=1e-7, atol=1e-10)


def test_usad_counts_a_batch_as_one_step_and_trains_both_decoders():
    steps = []

    class Counting(UsadModule):
        def training_step(self, batch):
            steps.append(self.current_epoch)
            return super().training_step(batch)

    torch.manual_seed(0)
    model = UsadModel(torch.zeros(6), torch.full((6,), 40.0), window=8, latent=2)
    before = [decoder[0].weight.detach().clone() for decoder in model.decoders]
    blocks = cut([single(r) for r in TRAIN[:8]], 8, 8, "drop")
    batches = FullBatches(blocks, 16, seed=0)
    train_module(Counting(model, 1e-3), batches, settings(7), seed=0, stage="USAD")
    assert steps == [0, 0, 0, 1, 1, 1, 2]
    for old, decoder in zip(before, model.decoders, strict=True):
        assert not torch.equal(old, decoder[0].weight)


def test_usad_scores_are_a_mixture_of_two_errors():
    fits = {beta: Usad(**SMALL, latent=2, beta=beta).fit(TRAIN) for beta in (0.0, 0.25, 1.0)}
    plain, mixed, adversarial = (fits[beta].score(TEST[0]) for beta in (0.0, 0.25, 1.0))
    assert not np.allclose(plain, adversarial)
    np.testing.assert_allclose(mixed, 0.75 * plain + 0.25 * adversarial, rtol=1e-5)


def test_usad_errors_are_those_of_the_first_and_of_the_second_after_it():
    torch.manual_seed(0)
    model = UsadModel(torch.zeros(2), torch.full((2,), 4.0), window=3, latent=4)
    for weights in model.parameters():
        weights.data *= 4  # so that no latent feature is always 0
    x = 4 * torch.rand(5, 2, 3)
    w = x.flatten(1) / 4
    rebuilt = model.decoders[0](model.encoder(w))
    both = model.decoders[1](model.encoder(rebuilt))
    expected = torch.stack([((w - r) ** 2).mean(dim=1) for r in (rebuilt, both)], dim=1)
    torch.testing.assert_close(model.errors(x), expected)


def test_usad_scales_training_data_to_0_to_1():
    detector = Usad(**SMALL, latent=2).fit(TRAIN)
    standardised = detector.scaler_.transform(TRAIN)
    blocks = torch.from_numpy(np.stack([recording.values[:8].T for recording in standardised]))
    scaled = detector.model_._scaled(blocks)
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    values = np.concatenate([recording.values for recording in standardised])
    highest = torch.from_numpy(values.max(axis=0))[None, :, None]
    assert detector.model_._scaled(highest).flatten().tolist() == pytest.approx([1] * 6)


def test_the_centre_is_the_mean_of_the_encoded_blocks_away_from_zero():
    model = HypersphereModel(1, 4, width=4, latent=4)
    model.set_centre(torch.tensor([3.0, -0.02, 0.0, -5.0]))
    assert model.centre.tolist() == pytest.approx([3.0, -0.1, 0.1, -5.0])
    assert all("bias" not in name for name, _ in model.named_parameters())


def test_svdd_draws_normal_blocks_towards_its_centre():
    class OnlyPretrained(DeepSvdd):
        def _learn(self, network, windows, train):
            self._pretrain(network, windows)

    before, after = (
        np.mean([detector.score(r).mean() for r in TRAIN])
        for detector in (
            kind(**SMALL, width=16, latent=4).fit(TRAIN) for kind in (OnlyPretrained, DeepSvdd)
        )
    )
    assert after < 0.5 * before
    detector = RIVALS["svdd"].fit(TRAIN)
    encoded = detector.model_.encode(torch.zeros(1, 6, 8))
    expected = (encoded - detector.model_.centre).square().sum().item()
    average = np.tile(detector.scaler_.mean, (8, 1))
    assert detector.score(average)[0] == pytest.approx(expected, rel=1e-4)


def test_the_dcase_baseline_has_its_layers():
    train = Recording(np.random.default_rng(0).normal(size=(60, 128)))
    model = DcaseAutoencoder(trainer=settings(1)).fit(train).model_
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    assert sizes == [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    assert sum(isinstance(m, torch.nn.BatchNorm1d) for m in model.modules()) == 9


def test_margin_loss_by_hand():
    cosines = torch.tensor([[0.6, 0.1]])
    enlarged = SCALE * math.cos(math.acos(0.6) + MARGIN)
    expected = math.log1p(math.exp(SCALE * 0.1 - enlarged))
    assert margin_loss(cosines, torch.tensor([0])).item() == pytest.approx(expected, rel=1e-4)


def test_the_margin_loss_always_rewards_a_smaller_angle():
    own = torch.linspace(-0.999, 0.999, 200)
    cosines = torch.stack([own, torch.zeros_like(own)], dim=1)
    losses = [margin_loss(row[None], torch.tensor([0])).item() for row in cosines]
    assert (np.diff(losses) < 1e-6).all()
    assert losses[0] > losses[100] > losses[-1]


@pytest.mark.parametrize("slope", [-0.5, 0.25, 0.75, 2.0])
def test_rectifier_has_the_gradients_of_torchs_own(slope):
    torch.manual_seed(0)
    x, upstream = torch.randn(2, 4, 3, 5, 2, dtype=torch.double)
    x[0, 0, 0] = 0
    gradients = []
    for kind in (PReLU, torch.nn.PReLU):
        rectifier, taken = kind(3, slope).double(), x.clone().requires_grad_()
        out = rectifier(taken)
        out.backward(upstream)
        gradients.append((out, taken.grad, rectifier.weight.grad))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def plain(network):
    """The network with torch's own rectifiers and in the ordinary order of numbers."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for module in [m for m in network.modules() if isinstance(m, torch.nn.Sequential)]:
        for i, layer in enumerate(module):
            if isinstance(layer, PReLU):
                module[i] = torch.nn.PReLU(layer.num_parameters).double()
    return network


def test_mobilefacenet_has_the_gradients_of_its_plain_layers():
    torch.manual_seed(0)
    model = MobileFaceNetModel(20, 16, width=4, embedding=4, machines=3).double()
    reference = plain(model)
    assert not any(isinstance(module, PReLU) for module in reference.modules())
    batch = torch.randn(8, 20, 16, dtype=torch.double), torch.arange(8) % 3
    for network in (model, reference):
        network.loss(batch).backward()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert ours.requires_grad is theirs.requires_grad
        if ours.requires_grad:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-7, atol=1e-10)


def test_rectifier_follows_torchs_own_in_mixed_precision():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 2)
    gradients = []
    for kind in (PReLU, torch.nn.PReLU):
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), kind(3), torch.nn.Conv2d(3, 1, 1))
        for i, weights in enumerate(layers.parameters()):
            weights.data = torch.linspace(-1, 1 + i, weights.numel()).view_as(weights)
        with torch.autocast("cpu", torch.bfloat16):
            layers(x).float().square().mean().backward()
        gradients.append([weights.grad for weights in layers.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2**-6, atol=1e-3)


def test_usad_and_mobilefacenet_learn_in_mixed_precision():
    mixed = settings(60, "bf16-mixed")
    usad = Usad(**SMALL | {"trainer": mixed}, latent=2).fit(TRAIN)
    assert roc_auc_score(TRUTH, [usad.score(recording).mean() for recording in GROSS]) > 0.95
    faces = MobileFaceNet(window=8, width=8, embedding=8, batch_size=32, trainer=mixed).fit(TRAIN)
    own, other = (
        [faces.score(Recording(r.values, machine_id=machine)).mean() for r in TEST if not r.label]
        for machine in ("id_00", "id_01")
    )
    first = [r.machine_id == "id_00" for r in TEST if not r.label]
    assert roc_auc_score(first, np.subtract(other, own)) > 0.95


def test_misfits_are_negative_log_probabilities_even_where_they_are_tiny():
    model = MobileFaceNetModel(4, 16, width=4, embedding=4, machines=3).eval()
    cosines = torch.tensor([[0.9, -0.9, -0.8], [0.1, 0.2, 0.3]])
    model.cosines = lambda x: cosines
    logits = SCALE * cosines.double()
    expected = -(logits - logits.logsumexp(dim=1, keepdim=True))
    misfits = model.misfits(torch.zeros(2, 4, 16))
    # -log(1 - p) of a certain machine is about e^-51: nothing in the ordinary logarithm.
    others = np.log(np.exp(-27.0) + np.exp(-24.0))
    assert misfits[0, 0].item() == pytest.approx(math.exp(others - 27.0), rel=1e-4)
    np.testing.assert_allclose(misfits[1], expected[1], rtol=1e-5)
    np.testing.assert_allclose(misfits[0, 1:], expected[0, 1:], rtol=1e-5)


@pytest.fixture(scope="module")
def machines():
    return MobileFaceNet(window=8, width=8, embedding=8, batch_size=32, trainer=settings(120)).fit(
        TRAIN
    )


def test_a_machine_that_sounds_like_another_scores_higher(machines):
    swapped = [
        Recording(r.values, machine_id="id_01" if r.machine_id == "id_00" else "id_00")
        for r in TEST
    ]
    own = [machines.score(r).mean() for r in TEST if r.label == 0]
    others = [
        machines.score(r).mean() for r, test in zip(swapped, TEST, strict=True) if not test.label
    ]
    assert max(own) < min(others)


def test_a_recording_without_an_id_is_compared_with_the_nearest_machine(machines):
    scores = {
        machine: machines.score(Recording(TEST[0].values[:8], machine_id=machine))[0]
        for machine in ("", "id_00", "id_01")
    }
    assert scores[""] == min(scores["id_00"], scores["id_01"])


def test_a_machine_that_was_not_there_in_training_is_refused(machines, tmp_path):
    loaded = load_detector(machines.save(tmp_path / "detector.ats"))
    with pytest.raises(InputError, match=r"of machine 'id_07'.*\(machines id_00, id_01\)"):
        loaded.score(Recording(TEST[0].values, machine_id="id_07", name="clip"))


def test_every_training_recording_of_mobilefacenet_needs_an_id():
    nameless = Recording(TRAIN[0].values, name="stray")
    with pytest.raises(InputError, match="training recording 30 has no machine id"):
        MobileFaceNet(window=8).fit([*TRAIN, nameless])


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (Usad(beta=1.5), r"beta must lie in \[0, 1\]"),
        (DeepSad(eta=0.0), "eta must be above 0"),
        (DeepSad(anomaly_share=0.0), "anomaly_share must lie in"),
        (DevNet(anomaly_share=1.0), "anomaly_share must lie in"),
    ],
)
def test_settings_out_of_range_are_refused(detector, message):
    with pytest.raises(ConfigError, match=message):
        detector.fit(TRAIN + FAULTY)


@pytest.mark.parametrize("name", RIVALS)
def test_one_channel_with_blocks_side_by_side(name):
    rng = np.random.default_rng(0)
    series = Recording(rng.normal(size=200), labels=np.arange(200) >= 180)
    detector = RIVALS[name].__class__(window=8, trainer=settings(3)).fit(series)
    scores = detector.score(rng.normal(size=21))
    assert len(scores) == 21
    assert np.isfinite(scores).all()


def test_an_unlabelled_rival_ignores_labels():
    plain = DenseAutoencoder(window=8, width=8, trainer=settings(3))
    labelled = plain.fit(TRAIN + FAULTY).score(TEST[0])
    stripped = plain.fit([r.without_labels() for r in TRAIN + FAULTY]).score(TEST[0])
    np.testing.assert_array_equal(labelled, stripped)
