"""`matinee up`: the whole platform on this machine, supervised."""
