"""Plain arrays in and out of files, written whole or not at all."""
