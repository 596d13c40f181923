"""Lineage: artifacts, actions, contexts, what they have to do with one another, and what jobs leave by themselves."""
