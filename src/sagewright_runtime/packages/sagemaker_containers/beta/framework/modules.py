"""Imported by scripts beside what they use; running modules is the platform's part."""
