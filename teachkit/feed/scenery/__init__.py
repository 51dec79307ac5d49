"""How the built-in scenes are drawn: random numbers, textured grounds, shapes with light and shadow."""
