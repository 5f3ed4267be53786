"""A small manifest that is right, for tests that spoil or extend it, and what a refusal says."""

import re

import pytest

from deploylab.core.errors import CourseError

GOOD = """
[app]
title = "t"
source = "sample_app"
wsgi = "a.wsgi:application"
settings = "a.settings"
requirements = "requirements.txt"
production_requirements = "requirements.txt"
data_command = "seed"
data_digest_command = "digest"
cacheable_command = "cacheable"
[app.views.hello]
title = "hello"
path = "/"
marker = "</html>"
concurrency = [10]
[[stage]]
name = "first"
port = 8000
title = "The first"
lesson = "01"
guide = "guide_I"
changes = ["everything"]
views = ["hello"]
processes = ["python"]
slots = 2
[stage.expect]
server = "x"
debug = false
[[stage.variant]]
name = "other"
port = 8010
title = "The other way"
expect = { debug = true }
"""


def refused(load, text, word):
    """The line that the refusal of a manifest names, and the next step that it gives."""
    with pytest.raises(CourseError, match=word) as raised:
        load(text)
    assert raised.value.next_step
    return text.splitlines()[int(re.search(r"line (\d+)", raised.value.what)[1]) - 1], raised.value.next_step
