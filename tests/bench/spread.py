"""Figures of several rounds in a line."""

import math
import statistics


def p95(values):
    return sorted(values)[round(0.95 * (len(values) - 1))]


def of(values, digits=1):
    """Median, least and most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def sure(values):
    """Between which two values the median of all that could be measured is, with 95 % at least: those of the sign test.
    None when there are too few."""
    number, outside, skipped = len(values), 0.0, -1
    for below in range(number // 2):
        outside += 2 * math.comb(number, below) / 2**number
        if outside > 0.05:
            break
        skipped = below
    return None if skipped < 0 else (sorted(values)[skipped], sorted(values)[number - 1 - skipped])
