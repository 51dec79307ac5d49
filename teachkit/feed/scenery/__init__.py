"""The pixels of the built-in scenes: random numbers, textured grounds, shapes with light and shadow."""
