"""What the command line's tests share."""

from pathlib import Path

import pytest


@pytest.fixture
def recording():
    """Three seconds of real speech."""
    return Path(__file__).parents[3] / "fixtures" / "sense-and-sensibility-01-0880.flac"
