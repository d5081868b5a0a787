"""The ``pkit`` command: one module per kind of user, each a thin layer over a Python function."""
