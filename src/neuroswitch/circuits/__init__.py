"""The circuit as a value and as a folder: its algebra, its files, and its forms for other engines."""
