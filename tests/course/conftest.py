"""What the tests of the manifest share."""

import pytest

from deploylab import course as courses


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "course.toml"
        path.write_text(text)
        return courses.load(path)

    return load
