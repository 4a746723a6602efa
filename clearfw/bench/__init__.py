"""Benches: strategies measured against each other in rounds."""
