"""Many videos on many processes or machines, with one store of results."""
