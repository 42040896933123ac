"""Colours of lines and classes."""

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Three more, of Tol's, for the tenth class: https://sronpersonalpages.nl/~pault
TEN_COLORS = (*COLORS, "#999999", "#882255", "#999933")
