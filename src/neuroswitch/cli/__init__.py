"""The command line: parse, call, print. No logic that the Python API lacks."""
