"""What axe-core finds on a page that a test has opened."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

#: The rules of WCAG 2.0 to 2.2, levels A and AA, and axe-core's best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
#: A scheme and a size: contrast hangs on the first, targets and names on the second, so that two cover both.
VIEWS = (("light", 1366, 768), ("dark", 390, 844))

_RUN = """rules => {
  document.querySelectorAll('details').forEach(each => each.open = true);
  return axe.run({ runOnly: rules, resultTypes: ['violations'] });
}"""


def findings(page: Any) -> list[str]:
    """A line a finding: in light on a laptop and in dark on a phone, with all details open."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
    found = []
    for scheme, width, height in VIEWS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        for broken in page.evaluate(_RUN, RULES)["violations"]:
            for node in broken["nodes"]:
                where, why = " ".join(map(str, node["target"])), " ".join(node["failureSummary"].split())
                found.append(f"{scheme}, {width} px: {broken['id']}: {where}: {node['html'][:120]}: {why}")
    return found
