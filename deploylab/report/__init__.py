"""Shows what a session measured: the report as a page, its sentences, and the plots."""

from deploylab.report.document import document
from deploylab.report.growing import Growing
from deploylab.report.page import html, write

__all__ = ["Growing", "document", "html", "write"]
