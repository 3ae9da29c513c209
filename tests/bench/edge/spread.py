"""Figures of several rounds in a line."""

import statistics


def p95(values):
    return sorted(values)[round(0.95 * (len(values) - 1))]


def of(values, digits=1):
    """Median, least and most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
