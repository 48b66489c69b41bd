"""The forms of a circuit that other engines read, one file each; `circuits.exporting` finds them by name."""
