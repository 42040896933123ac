"""What every model with `fit` has in common: see `trainer`."""
