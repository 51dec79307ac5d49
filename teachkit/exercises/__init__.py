"""Checkers that the notebooks call: they accept any form of a right answer, and explain known mistakes."""
