"""Figures: samples, learning curves, and what a model has learned.

Pictures are uint8 arrays, which `save_image` writes. Images that go into them are uint8 0..255, or floats in
`value_range`: by default 0..1, as autoencoders and classifiers have them, and in `image_grid` -1..1, as GANs do.
"""

from kgan.visualize.attribution import grad_cam, saliency
from kgan.visualize.confusion_matrix import plot_confusion_matrix
from kgan.visualize.curves import plot_history
from kgan.visualize.filters import filters
from kgan.visualize.images import image_grid, save_image
from kgan.visualize.latent_map import latent_map
from kgan.visualize.manifold import manifold
from kgan.visualize.maximize import maximize_unit
from kgan.visualize.overlay import overlay

__all__ = [
    "filters",
    "grad_cam",
    "image_grid",
    "latent_map",
    "manifold",
    "maximize_unit",
    "overlay",
    "plot_confusion_matrix",
    "plot_history",
    "saliency",
    "save_image",
]
