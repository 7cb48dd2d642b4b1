"""Benchmarks: one module a question, each with a table, JSON, checked answers and its budget.

Nothing here asserts on time. `python -m benchmarks` runs all, `python -m benchmarks reads searches`
some.
"""
