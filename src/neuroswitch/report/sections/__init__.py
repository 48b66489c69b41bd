"""The sections of a page, in their order: each takes a view and returns what its template needs, or None.

A new section is a file here, a template that is named as in `SECTIONS`, and one line there.
"""

from collections.abc import Callable, Mapping

from neuroswitch.report.sections.answer import head
from neuroswitch.report.sections.circuits import layers_and_neurons
from neuroswitch.report.sections.damage import damage_table
from neuroswitch.report.sections.limits import limits
from neuroswitch.report.sections.matched import same_damage
from neuroswitch.report.sections.method import how_measured
from neuroswitch.report.sections.overlap import circuits_shared
from neuroswitch.report.sections.preflight import measured_well
from neuroswitch.report.sections.rates import rate_tables
from neuroswitch.report.sections.routing import router_changes
from neuroswitch.report.sections.samples import answers_beside
from neuroswitch.report.sections.strengths import over_strengths
from neuroswitch.report.sections.verdicts import verdict_counts
from neuroswitch.report.view import View

Section = Callable[[View], Mapping[str, object] | None]

SECTIONS: Mapping[str, Section] = {
    "answer": head,
    "matched": same_damage,
    "overlap": circuits_shared,
    "rates": rate_tables,
    "damage": damage_table,
    "verdicts": verdict_counts,
    "strengths": over_strengths,
    "circuits": layers_and_neurons,
    "routing": router_changes,
    "preflight": measured_well,
    "samples": answers_beside,
    "method": how_measured,
    "limits": limits,
}
"""Name of the template -> what fills it."""
