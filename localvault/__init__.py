"""An embeddable key vault."""

from __future__ import annotations

__version__ = "0.1.0"
