"""The lesson, tested: every statement with an experiment, a measured effect and a verdict."""
