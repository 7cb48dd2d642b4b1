"""Benchmarks: one module per question, each with a table, JSON, checked answers and the budget beside.

Nothing here asserts on time. `python -m benchmarks` runs all, `python -m benchmarks reads searches`
some.
"""
