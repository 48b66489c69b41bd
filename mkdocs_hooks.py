"""What mkdocs does beside its plugins: links in notebooks to other pages, which mkdocs-jupyter leaves as they are."""

import re
from typing import Any

LINK = re.compile(r'href="(?!\w+:)([^"#]+)\.(?:md|ipynb)(#[^"]*)?"')


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Turn links of a notebook to files of docs/ into links to their pages, which are folders."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    return LINK.sub(lambda link: f'href="../{link[1].removesuffix("index")}/{link[2] or ""}"', html)
