"""With which power of the number of instances a figure grows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

TOLERANCE = 0.15
"""What the noise of one run may add to an exponent."""


def exponent(values: Mapping[int, float]) -> float:
    """Return k of the line ``value = a * count ** k`` that lies nearest, on logarithmic scales."""
    counts = [math.log(count) for count in values]
    return statistics.linear_regression(counts, [math.log(each) for each in values.values()]).slope
