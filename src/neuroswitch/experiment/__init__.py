"""Whole jobs made of the library's functions, each resumable in a folder of its own."""
