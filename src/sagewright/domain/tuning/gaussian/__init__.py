"""Bayesian search by a Gaussian process: the one room of the server that computes with numpy.

It is imported when the first Bayesian tuning job asks for a point: numpy takes a few tenths of a second and some 25 MB
that no other server needs. A suggestion at 40 observations takes about 10 ms, at 750 less than a second.
"""
