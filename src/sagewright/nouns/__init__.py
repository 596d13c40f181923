"""What nouns share: the declaration, verbs, lists, search, and the registry of operations."""
