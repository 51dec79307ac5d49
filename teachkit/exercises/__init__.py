"""Checkers that the notebooks call: they accept any right answer, and say of a wrong one what it takes for granted."""
