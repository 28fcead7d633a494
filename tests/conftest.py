"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine or a cold import is no bug: speed is measured by make bench, never by a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
