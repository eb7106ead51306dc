"""Settings for the tests of detectors, which make thousands of Trainers."""

from functools import cache

import pytest


@pytest.fixture(scope="session", autouse=True)
def _entry_points_are_read_once():
    """Each Trainer reads those of all that is installed, which takes longer than a few steps."""
    from lightning_fabric.utilities import registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", cache(registry.entry_points))
        yield
