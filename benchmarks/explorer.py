"""Time the explorer's page in Chromium on real runs, and write results/explorer.json.

    .venv/bin/python -m benchmarks.explorer RUN [RUN …]

A stroke: the forward pass of the whole net, its maps painted, the answer, as the page does it between a pointer's
move and the next frame; 200 strokes after 30 to warm up. Opening: a unit in the middle of each layer, its strip and
all that it depends on marked and laid out, from the call to the end of the layout; layers in turn, 5 times. Ready:
from the start of loading the file until the net has been computed and shown; the median of 5 fresh pages.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import torch
from playwright.sync_api import Browser, sync_playwright

from cnnlab.cli.evaluate import run_data
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.nets.resolve import is_own
from cnnlab.runs import open_run
from cnnlab.runs.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "explorer.json"
STROKES, WARM_UP, PAGES, ROUNDS = 200, 30, 5, 5

_STROKES = """count => {
  const { net } = explorer;
  const times = [];
  for (let i = 0; i < count; i++) {
    net.pixels[(i * 37) % net.pixels.length] = 255;
    const started = performance.now();
    explorer.stroke();
    times.push(performance.now() - started);
  }
  return times;
}"""


#: Opens units, layer by layer; every product of the last is written out a moment later.
_OPENINGS = """async rounds => {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    for (const { name, shape: [channels, h = 1, w = 1] } of explorer.net.layers) {
      const unit = [(7 * i) % channels, h >> 1, w >> 1];
      const started = performance.now();
      explorer.state.set({ layer: name, map: unit[0], unit });
      document.body.getBoundingClientRect();
      times.push(performance.now() - started);
      await new Promise(resolve => setTimeout(resolve, 80));
    }
  }
  return times;
}"""


def main() -> None:
    """Measure every run named on the command line."""
    runs = [Path(argument) for argument in sys.argv[1:]]
    if not runs:
        raise SystemExit("expected run folders, as cnnlab train makes them")
    record: dict[str, Any] = {"command": "python -m benchmarks.explorer", "strokes": STROKES, "runs": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for path in runs:
            record["runs"].append(_measure(path, browser))
            print(record["runs"][-1], flush=True)
        record["environment"] = environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False) | {
            "chromium": browser.version
        }
        browser.close()
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def _measure(path: Path, browser: Browser) -> dict[str, Any]:
    run = open_run(path)
    name = run.config.net.name
    net = run.load_net(own_code=name if is_own(name) else None)
    made = explorer_page([ExploredRun(run, net)], run_data(run, None, data_root=None, image_size=None))
    run.explorer_path.write_text(made.html)
    ready, strokes, openings, deviation = [], [], [], 0.0
    for at in range(PAGES):
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(run.explorer_path.resolve().as_uri())
        page.wait_for_selector("#check:not(:empty)")
        ready.append(page.evaluate("explorer.readyMs"))
        deviation = page.evaluate("explorer.checked.then(found => found.deviation)")
        page.evaluate(_STROKES, WARM_UP)
        strokes = page.evaluate(_STROKES, STROKES)
        if at == PAGES - 1:
            openings = page.evaluate(_OPENINGS, ROUNDS)
        page.close()
    ordered, opened = sorted(strokes), sorted(openings)
    return {
        "net": name,
        "data": run.config.data.name,
        "moments": made.moments[0],
        "page_bytes": run.explorer_path.stat().st_size,
        "stroke_ms": median(ordered),
        "stroke_ms_95": ordered[int(0.95 * len(ordered))],
        "opening_ms": median(opened),
        "opening_ms_95": opened[int(0.95 * len(opened))],
        "parameters": run.result().parameters,
        "ready_ms": median(ready),
        "largest_deviation": deviation,
    }


if __name__ == "__main__":
    main()
