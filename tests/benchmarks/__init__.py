"""Measurements of single parts, run by hand: see docs/performance.md."""
