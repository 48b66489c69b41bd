"""The command line: parse, call, print. No logic that the Python API lacks.

Options come from the signatures of the commands and from the groups of options in `experiment.settings`.
"""
