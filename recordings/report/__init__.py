"""The bundle for a bug report: a summary in Markdown and a redacted part of the recording, in one zip
file.
"""

from recordings.report.bundle import Bundle, report

__all__ = ["Bundle", "report"]
