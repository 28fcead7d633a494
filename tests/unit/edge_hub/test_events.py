from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_hub.events import KINDS

WORDS = Path(__file__).resolve().parents[3] / "hub" / "studio" / "src" / "i18n"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_console_has_words_for_every_kind_and_its_params(language: str) -> None:
    text = (WORDS / f"{language}.ts").read_text(encoding="utf-8")
    said = dict(
        re.findall(
            r'^\s+((?:node|token|project|policy|service|secret|task|deployment)_\w+): "(.*)",$',
            text,
            re.M,
        )
    )

    for kind, (_, english) in KINDS.items():
        blanks = set(re.findall(r"{{(\w+)}}", said[kind.replace(".", "_")]))
        assert blanks == set(re.findall(r"{(\w+)}", english)), kind
