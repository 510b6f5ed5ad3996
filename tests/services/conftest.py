import pathlib
import tempfile

import pytest


@pytest.fixture(autouse=True)
def tmp_path():
    """Instead of pytest's own, which keeps the files of the last runs: here they are large.

    Autouse, so that it is removed last, after the daemons that write into it have ended.
    """
    with tempfile.TemporaryDirectory(prefix="inout-") as directory:
        yield pathlib.Path(directory)
