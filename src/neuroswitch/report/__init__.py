"""Reports: a summary in, one self-contained HTML page out. Never imports torch."""

from neuroswitch.report.page import render_page as render_page
from neuroswitch.report.page import write_page as write_page
from neuroswitch.report.view import write as write
from neuroswitch.report.words import between as between
from neuroswitch.report.words import p_value as p_value
from neuroswitch.report.words import percent as percent
