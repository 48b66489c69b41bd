"""Reports: JSON in, one self-contained HTML page out. Never imports torch."""

from neuroswitch.report.report import rebuild as rebuild
from neuroswitch.report.report import render as render

__all__ = ["rebuild", "render"]
from neuroswitch.report.measures import MEASURES as MEASURES
from neuroswitch.report.measures import measured as measured
from neuroswitch.report.measures import taken as taken
from neuroswitch.report.report import RESULTS as RESULTS
from neuroswitch.report.report import SUMMARY as SUMMARY
from neuroswitch.report.schema import SCHEMA as SCHEMA
from neuroswitch.report.words import between as between
from neuroswitch.report.words import p_value as p_value
from neuroswitch.report.words import percent as percent
