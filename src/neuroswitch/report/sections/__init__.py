"""The sections of a page, in their order: each takes a view and returns what its template needs, or None.

A new section is a file here, a template of the same name, and one line in `SECTIONS`.
"""

from collections.abc import Callable, Mapping

from neuroswitch.report.sections import (
    circuits,
    damage,
    matched,
    overlap,
    preflight,
    rates,
    routing,
    samples,
    strengths,
)
from neuroswitch.report.view import View

Section = Callable[[View], Mapping[str, object] | None]

SECTIONS: Mapping[str, Section] = {
    "matched": matched.section,
    "rates": rates.section,
    "damage": damage.section,
    "strengths": strengths.section,
    "overlap": overlap.section,
    "circuits": circuits.section,
    "routing": routing.section,
    "preflight": preflight.section,
    "samples": samples.section,
}
