"""Figures from runs: timings belong here and nowhere else; tests assert behaviour and counts."""
