"""Checks: is a strategy right? Every question of a review, answered with evidence."""
