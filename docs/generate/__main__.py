"""``python -m docs.generate``: build the site into ``build/site``."""

from __future__ import annotations

import sys

from docs.generate.site import build

if __name__ == "__main__":
    sys.exit(build())
