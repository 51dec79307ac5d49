"""Playgrounds and browsers, each beside its front end."""
