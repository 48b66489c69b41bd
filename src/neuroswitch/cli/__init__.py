"""The command line: parse, call, print. No logic that the Python API lacks.

Commands import what loads a model inside their functions, so that help and mistyped options need no torch.
"""

from neuroswitch.cli.app import main as main
