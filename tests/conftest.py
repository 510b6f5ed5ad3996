"""Fixtures of all Python tests."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).parent / "interop"))

import harness  # noqa: E402


@pytest.fixture
def run():
    """A Runner; everything started through it is ended, and its end checked, after the test."""
    runner = harness.Runner()
    yield runner
    runner.end()
