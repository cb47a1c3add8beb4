"""Formulas: LaTeX becomes MathML, which browsers draw themselves, so that no script is loaded from outside."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">(?:\\\((?P<inline>.*?)\\\)|\\\[(?P<block>.*?)\\\])</\1>', re.S)


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    """Replace each formula of a page by MathML."""

    def replaced(found: re.Match[str]) -> str:
        latex = found["inline"] if found["inline"] is not None else found["block"]
        return convert(html.unescape(latex), display="inline" if found["inline"] is not None else "block")

    return FORMULA.sub(replaced, content)
