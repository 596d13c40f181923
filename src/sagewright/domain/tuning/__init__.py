"""The search of hyperparameters: ranges, strategies, early stopping, completion and the tuning job's next moves.

Everything is a function of plain data. No state is kept: what a strategy knows, it reads from the history of the job.
"""
