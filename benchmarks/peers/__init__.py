"""cnnlab beside other libraries' ways to train the same net: `python -m benchmarks.peers`.

A peer is a script that trains and prints what happened, as JSON lines, and imports nothing of cnnlab. `__main__` runs
them by turns, each in an environment of its own.
"""
