"""The course as data: what `provisioning/course.toml` says, checked and typed."""

from deploylab.course.app import KEPT, RESUMED, App, View
from deploylab.course.contrast import COLD, STATES, STEADY, Contrast
from deploylab.course.manifest import load
from deploylab.course.model import (
    Break,
    Course,
    Lesson,
    Route,
    Stage,
    Target,
    counted,
)

__all__ = ["COLD", "KEPT", "RESUMED", "STATES", "STEADY", "App", "Break", "Contrast", "Course", "Lesson", "Route",
           "Stage", "Target", "View", "counted", "load"]
