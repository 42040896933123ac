"""The version of kgan, for `kgan --version`, `kgan.__version__` and the package."""

__version__ = "0.1.0"
