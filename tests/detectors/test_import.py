"""What importing the detectors costs."""

import subprocess
import sys

import pytest

import anomalib_ts.detectors


def modules_after(code):
    command = f"import sys; {code}; print(' '.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    return set(result.stdout.decode().split())


def test_importing_the_package_imports_nothing_heavy():
    loaded = modules_after("import anomalib_ts.detectors, anomalib_ts.core.windows")
    assert not loaded & {"torch", "pytorch_lightning", "sklearn", "nflows"}


def test_the_classical_detectors_do_without_torch():
    loaded = modules_after("from anomalib_ts.detectors import IForest, MovingMean, RandomScore")
    assert "anomalib_ts.detectors.classical.iforest" in loaded
    assert not loaded & {"torch", "pytorch_lightning"}


@pytest.mark.parametrize("name", anomalib_ts.detectors.__all__)
def test_every_name_can_be_imported(name):
    assert getattr(anomalib_ts.detectors, name).__name__ == name
    assert name in dir(anomalib_ts.detectors)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchDetector"):
        _ = anomalib_ts.detectors.NoSuchDetector
