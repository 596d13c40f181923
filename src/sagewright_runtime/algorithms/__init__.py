"""The built-in algorithms, one folder each. Only that folder imports the libraries that its algorithm needs."""
