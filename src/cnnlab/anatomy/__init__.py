"""Anatomy: what a net executes, layer by layer, with every number's arithmetic."""

from cnnlab.anatomy.describe import Anatomy, Layer, ReceptiveField, describe

__all__ = ["Anatomy", "Layer", "ReceptiveField", "describe"]
