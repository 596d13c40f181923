"""The kernel of nouns: how a short declaration becomes create, describe, list, stop, delete and tags."""
