"""What a session measured, for a reader: its page, a sweep's page, their sentences, and the plots."""

from deploylab.report.page import html, write

__all__ = ["html", "write"]
