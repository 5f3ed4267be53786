"""The course as data: what `provisioning/course.toml` says, checked and typed."""

from deploylab.course.manifest import load
from deploylab.course.model import App, Break, Contrast, Course, Lesson, Route, Stage, Target, View

__all__ = ["App", "Break", "Contrast", "Course", "Lesson", "Route", "Stage", "Target", "View", "load"]
