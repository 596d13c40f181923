"""What the server and its jobs must agree on: the only part of the runtime that the server imports.

The standard library alone, as in the agent.
"""
