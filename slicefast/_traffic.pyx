# cython: language_level=3
"""Mobility and arrivals, drawn through NumPy's C random API."""
