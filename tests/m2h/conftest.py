"""Fixtures that several tests of the network share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of MONO_HYDRA_TEST_DATA."""
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root:
        pytest.skip("MONO_HYDRA_TEST_DATA does not name the test data")
    return Path(root)
