"""Draw the icons of the installed app from `static/img/favicon.svg`, into the same folder. Run after changing it.

    python -m bench.app_icons

The pictures are ours and committed; Chromium (of Playwright, or the system's) draws them.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parents[1] / "static" / "img"
PLAIN = {"app-192.png": 192, "app-512.png": 512}
FULL = {"app-180.png": 180, "app-maskable-512.png": 512}
"""Without round corners: whoever shows them cuts them. The sign keeps within the middle that no shape cuts off."""
SAFE = 0.8


def full(svg: str) -> str:
    """The same sign, smaller, on a ground that reaches the edges."""
    ground, sign = re.search(r"(<rect[^>]*/>)(.*)</svg>", svg, re.S).groups()  # type: ignore[union-attr]
    ground = re.sub(r' rx="[^"]*"', "", ground)
    inside = f'<g transform="translate(16 16) scale({SAFE}) translate(-16 -16)">{sign}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{ground}{inside}</svg>'


def main() -> None:
    svg = (FOLDER / "favicon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        for drawing, files in ((svg, PLAIN), (full(svg), FULL)):
            for name, size in files.items():
                page.set_viewport_size({"width": size, "height": size})
                page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px}}</style>{drawing}")
                page.screenshot(path=FOLDER / name, omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
