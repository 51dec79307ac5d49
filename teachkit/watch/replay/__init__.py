"""A run as a page that plays in any browser."""
