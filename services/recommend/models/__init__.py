"""The models of recommendations: arrays in, arrays out. Pure: NumPy and SciPy, seeds and time passed in."""
