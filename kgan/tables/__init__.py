"""Tables: their columns as arrays, and sensitive columns as numbers."""
