"""The forms of a circuit that other engines read; `neuroswitch.circuits.export` is the door."""
