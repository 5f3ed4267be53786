"""What the tests of reports share."""

import pytest

from deploylab.report.plots import base


@pytest.fixture
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOYLAB_RESULTS", str(tmp_path / "results"))


@pytest.fixture
def undrawn(monkeypatch):
    """No plot is drawn: that takes a second or two."""
    monkeypatch.setattr(base, "_render", lambda figure, kind: b'<svg viewBox="0 0 1 1"></svg>')
