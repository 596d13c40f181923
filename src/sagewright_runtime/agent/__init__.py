"""The agent: one small process beside each instance of a run. It brings the files in, runs the user's process, keeps
its output, enforces its limits, packs what it made and writes down how it ended.

It is started with the server's interpreter by the absolute path of ``__main__.py`` and outlives the server. It may use
the standard library only, and imports what a stage needs when the stage begins, because its start is part of every
job's start. ``TYPE_CHECKING`` is a variable of each module for the same reason: ``typing`` would cost 8 ms.
"""
