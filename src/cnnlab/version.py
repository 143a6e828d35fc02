"""The version: of the package, and in the identity of every run."""

__version__ = "0.2.0"
