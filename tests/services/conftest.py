import os
import pathlib
import tempfile

import pytest

SKIPPED = 77  # what ctest shows as "Skipped" (SKIP_RETURN_CODE)


@pytest.fixture(autouse=True)
def tmp_path():
    """Instead of pytest's own, which keeps the files of the last runs: here they are large.

    Autouse, so that it is removed last, after the daemons that write into it have ended.
    """
    with tempfile.TemporaryDirectory(prefix="inout-") as directory:
        yield pathlib.Path(directory)


def pytest_sessionfinish(session, exitstatus):
    """A skip is not a pass: ctest lists it, and where everything is required it is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter.stats.get("skipped"):
        required = os.environ.get("INOUT_REQUIRE_ALL") == "1"
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if required else SKIPPED
