"""Doors to other people's engines and harnesses: thin, optional, each importing its library when used."""
