"""The built-in algorithms, one folder each; what an algorithm needs is imported inside its folder."""
