"""What runs beside and inside a job: the agent, the training and serving contracts, the built-in algorithms.

Nothing here imports ``sagewright``; the root uses the standard library alone, because it runs under whatever
interpreter a job's environment has.
"""
