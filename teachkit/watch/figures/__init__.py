"""Figures: matplotlib only, no widget."""
