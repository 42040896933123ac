"""Keras layers."""

from kgan.layers.latents import LatentSampler, draw_latents

__all__ = ["LatentSampler", "draw_latents"]
