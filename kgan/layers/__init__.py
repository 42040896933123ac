"""Keras layers."""

from kgan.layers.corruption import GaussianNoise, MaskingNoise, SaltAndPepperNoise
from kgan.layers.latents import LatentSampler, draw_latents
from kgan.layers.preprocessing import BackbonePreprocessing, ImageResizing
from kgan.layers.reversal import GradientReversal, reverse_gradient
from kgan.layers.shared_kernel import retie
from kgan.layers.spectral import SpectralNormalization
from kgan.layers.tied import DenseTranspose, TiedConv2DTranspose

__all__ = [
    "BackbonePreprocessing",
    "DenseTranspose",
    "GaussianNoise",
    "GradientReversal",
    "ImageResizing",
    "LatentSampler",
    "MaskingNoise",
    "SaltAndPepperNoise",
    "SpectralNormalization",
    "TiedConv2DTranspose",
    "draw_latents",
    "retie",
    "reverse_gradient",
]
