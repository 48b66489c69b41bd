"""Reports: JSON in, one self-contained HTML page out. Never imports torch."""

from neuroswitch.reporting.report import rebuild as rebuild
from neuroswitch.reporting.report import render as render

__all__ = ["rebuild", "render"]
