"""The answers of lessons: a recorded answer becomes a dataclass, and that becomes the same JSON again."""

import json
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest

from deploylab.core.errors import ResultsError
from deploylab.lessons import recording
from deploylab.lessons.answers import Checked, Output, StageReady
from deploylab.lessons.live import Live
from deploylab.provision.checks import Check

RECORDINGS = sorted(recording.folder().glob("*.jsonl"))


def recorded(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_answer_is_read_and_written_alike(path):
    lines = recorded(path)
    assert lines
    for line in lines:
        written = recording.KINDS[line["verb"]].from_json(line["answer"]).to_json()
        assert known(written) == known(line["answer"]), line["verb"]


def known(data):
    """The data without what is not there: a field that is newer than the recording is None or False."""
    if isinstance(data, dict):
        return {key: known(value) for key, value in data.items() if value is not None and value is not False}
    return [known(value) for value in data] if isinstance(data, list) else data


def test_each_command_gives_its_own_frozen_kind():
    for command, kind in recording.KINDS.items():
        assert get_type_hints(getattr(Live, command))["return"] is kind
        assert is_dataclass(kind) and kind.__dataclass_params__.frozen and fields(kind)


def test_no_command_was_recorded_that_is_not_known():
    assert {line["verb"] for path in RECORDINGS for line in recorded(path)} == set(recording.KINDS)


def test_what_is_nested_has_attributes_too():
    check = {"name": "x", "ok": False, "seen": "s", "cause": "c", "cure": "d"}
    ready = StageReady.from_json({"stage": "a", "changed": 1, "failed": 0, "checks": [check], "seconds": 2.0})
    assert ready.checks == (Check("x", False, "s", "c", "d"),) and ready.url == ""
    assert Checked.from_json([check]).to_json() == [check]


def test_what_is_not_said_is_left_out():
    assert Output(out="", status=0, seconds=0.0).to_json() == {"out": "", "status": 0, "seconds": 0.0}
    assert Output(out="", status=0, seconds=0.0, log="x").to_json()["log"] == "x"


def test_a_key_of_a_later_version_is_passed_over():
    assert Output.from_json({"out": "", "status": 3, "seconds": 0.0, "more": 1}).status == 3


@pytest.mark.parametrize(("kind", "data"), [(Output, {"out": ""}), (Output, None), (Checked, [1]), (Checked, {"a": 1}),
                                            (StageReady, [])])
def test_what_is_no_such_answer_is_refused(kind, data):
    with pytest.raises(ResultsError, match=kind.__name__):
        kind.from_json(data)
