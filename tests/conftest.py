"""Fixtures of all Python tests, and what a skip means."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).parent / "interop"))

import harness  # noqa: E402
import secure  # noqa: E402

# The programs hide their /proc files from other users but root; tests look into them.
if os.geteuid() != 0:
    os.environ.setdefault("INOUT_DUMPABLE", "1")

SKIPPED = 77  # what ctest shows as "Skipped" (SKIP_RETURN_CODE)


@pytest.fixture
def run():
    """A Runner; everything started through it is ended, and its end checked, after the test."""
    runner = harness.Runner()
    yield runner
    runner.end()


def pytest_collection_modifyitems(items):
    """Tests of what only plain connections have, or of plain peers written in Python, are no part
    of the other modes."""
    if secure.MODE != "plain":
        items[:] = [item for item in items if item.get_closest_marker("plain_only") is None]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the programs said."""
    report = (yield).get_result()
    runner = getattr(item, "funcargs", {}).get("run")
    if report.failed and call.when == "call" and isinstance(runner, harness.Runner):
        for thing in runner.things:
            if isinstance(thing, harness.Program):
                report.sections.append(
                    (f"the last lines of {thing.name} ({thing.pid})", thing.tail(25)))


def pytest_sessionfinish(session, exitstatus):
    """A skip is not a pass: ctest lists it, and where everything is required it is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter.stats.get("skipped"):
        required = os.environ.get("INOUT_REQUIRE_ALL") == "1"
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if required else SKIPPED
