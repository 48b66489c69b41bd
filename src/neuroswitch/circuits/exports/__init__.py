"""The forms of a circuit that other engines read; `neuroswitch.circuits.exporting` is the door."""
