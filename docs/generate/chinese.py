"""Give the Chinese pages what mkdocs gives only to a site in one language.

Their language is told to browsers and screen readers, the words of the theme on them are Chinese,
their side navigation leads to Chinese pages (the language switch to the others), and a line that
ends within a sentence leaves no gap, since Chinese puts no space between words.
Loaded by mkdocs as a hook.
"""

from __future__ import annotations

import re
from typing import Any

FOLDER = "zh/"
SECTION = "中文"
THEME_WORDS = {
    "Table of contents": "目录",
    "Skip to content": "跳到正文",
    "Back to top": "回到顶部",
    "Permanent link": "永久链接",
    "Initializing search": "正在准备搜索",
    "Search": "搜索",
    "Navigation": "导航",
}
_WIDE = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
_BROKEN = re.compile(
    rf"(?<={_WIDE})\n(?={_WIDE})|(?<=[，。、；：！？）])\n(?=[`\w])|(?<=[`\w])\n(?={_WIDE})"
)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def joined(markdown: str) -> str:
    """The text without the ends of lines that stand within a Chinese sentence; code stays."""
    parts = _FENCE.split(markdown)
    return "".join(part if at % 2 else _BROKEN.sub("", part) for at, part in enumerate(parts))


def on_page_markdown(markdown: str, *, page: Any, **_others: object) -> str:  # noqa: ANN401 (mkdocs's)
    """Join the lines of a Chinese page."""
    return joined(markdown) if page.file.src_uri.startswith(FOLDER) else markdown


def on_page_context(
    context: dict[str, Any],
    *,
    page: Any,  # noqa: ANN401 (mkdocs's)
    nav: Any,  # noqa: ANN401 (mkdocs's)
    **_others: object,
) -> dict[str, Any]:
    """Beside a Chinese page, let the navigation show the Chinese section alone."""
    if page.file.src_uri.startswith(FOLDER):
        (section,) = (item for item in nav.items if item.title == SECTION)
        context["nav"] = type(nav)(section.children, section.children)
    return context


def on_post_page(output: str, *, page: Any, **_others: object) -> str:  # noqa: ANN401 (mkdocs's)
    """Say on a Chinese page that it is one."""
    if not page.file.src_uri.startswith(FOLDER):
        return output
    output = output.replace('<html lang="en"', '<html lang="zh-CN"', 1)
    output = output.replace("<html lang=en", "<html lang=zh-CN", 1)
    for english, chinese in THEME_WORDS.items():
        output = re.sub(rf"(?<=[>\"\s]){re.escape(english)}(?=\s*[<\"])", chinese, output)
    return output
