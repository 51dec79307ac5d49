"""A finished run: opened, and written as a page that plays in any browser."""
