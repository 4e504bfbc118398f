"""The measurements, one file for each kind; each is a function that yields figures."""
