"""Prompts in, circuit out: statistics, rankings, selections."""
