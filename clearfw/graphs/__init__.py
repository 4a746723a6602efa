"""Programs to record, which search and rank large graphs: `python -m clearfw.graphs`."""
