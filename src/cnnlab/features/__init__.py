"""What a trained net does with images: activations, what excites a unit, what an answer rests on.

Every function works on a copy of the net in eval mode; the net, its modes, gradients and hooks, and all random states
stay as they were. Images are what the net sees: float (N, C, H, W), normalised.
"""

from cnnlab.features.activations import feature_maps

__all__ = ["feature_maps"]
