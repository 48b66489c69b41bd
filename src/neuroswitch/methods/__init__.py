"""Interventions: what changes a model while a `with` block is open, one method a file."""
