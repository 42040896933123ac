"""Keras layers."""

from kgan.layers.corruption import GaussianNoise, MaskingNoise, SaltAndPepperNoise
from kgan.layers.latents import LatentSampler, draw_latents
from kgan.layers.shared_kernel import retie
from kgan.layers.tied import DenseTranspose, TiedConv2DTranspose

__all__ = [
    "DenseTranspose",
    "GaussianNoise",
    "LatentSampler",
    "MaskingNoise",
    "SaltAndPepperNoise",
    "TiedConv2DTranspose",
    "draw_latents",
    "retie",
]
