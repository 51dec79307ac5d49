"""What all front ends share, and the loader that puts each of them into one text."""
