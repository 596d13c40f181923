"""Imported by scripts beside what they use; calling a module's functions is the model server's part."""
