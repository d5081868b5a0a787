"""Public benchmarks on data that may not leave its holder.

A participant's notebook is executed on the holder's machines, against the real data, and scores only come
back. Each folder of this package is a zone, named after where it runs; ``docs/architecture.md`` draws them.
"""

__version__ = "0.1.0"
