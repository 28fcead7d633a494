"""For pytest over Joblib's own tests: Cantor is one of the backends before they are collected.

Those that are made for each backend are made for ``cantor`` too, as far as Joblib's lists say so.
Their functions stand where workers import them by name, as other people's code does.
"""

from __future__ import annotations

from cantor.tasks.joblib import register_joblib

register_joblib()
