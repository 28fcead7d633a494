"""ONNX Runtime, which tells nobody of what runs here.

From version 1.29 its wheels for Linux send what is loaded to their maker, and keep a number of the
machine in the home folder. ``ORT_DISABLE_TELEMETRY=1`` before it is loaded is the full refusal
(onnxruntime pull request 27379); who wants it otherwise sets another value.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]
