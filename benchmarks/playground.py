"""Measure the playground's page in Chromium beside its rivals, and write results/playground.json.

    .venv/bin/python -m benchmarks.playground [speed|target|page|gradients …]

Without an argument all four are measured; with some, the others stay in the record as they were.

speed: images/s of training, in turns of a few seconds, round by round, on the same cores: the page (two workers, and it
draws as it does), the stock PyTorch notebook (two threads), ConvNetJS (one thread; it has no others) and jax-js (two
threads). All train on mnist-5k's training images in batches of 64. The page's pauses to measure after an epoch are
taken out, as the others measure nothing; `with_measuring` leaves them in. ConvNetJS has neither batch norm nor Adam:
beside it the page trains SimpleCNN without batch norm by SGD with momentum. jax-js trains the whole net by Adam, with
its convolutions written as its matrix product, which is many times quicker than its own. The first round warms up and
is left out.

target: the settings are the quickest of a few by the mean time until the validation split says 97 % (98 %), on three
seeds that are not among the five. Then each of five seeds trains until validation says so after an epoch; only then is
the test split opened. Where that is below the target, training goes on to the next epoch of which validation says so.
`time_s` is that of the training, without measuring; `wall_s` has all.

page: LeNet-5's file with all images; from the start of loading until it could train; the main thread's tasks while it
trains, by the clock and by the processor, as Chromium's trace has them, and the time between frames; from `pause` to
the last step's end; memory.

gradients: of every layer and weight against PyTorch in float64, relative to each tensor's largest; weights after 100
steps, beside which stands how far PyTorch's own run in float32 is from that in float64. Biases before batch norm are
left out: they change nothing, their gradient is 0, and what is left of it by rounding leads them anywhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import torch
from benchmarks.rivals import rivals
from numpy.linalg import norm
from playwright.sync_api import Browser, Page, sync_playwright
from tests.playground.eight_nets import (
    EIGHT_NETS,
    Batch,
    by_pytorch,
    in_page,
    largest_deviation,
    steps_by_pytorch,
    steps_in_page,
)
from tests.playground.module_site import module_site

from cnnlab.bench.contender import Contender
from cnnlab.bench.interleaved import median_and_range
from cnnlab.bench.stock import StockPipeline
from cnnlab.data import ImageSet, load
from cnnlab.data.shared import in_shared_files
from cnnlab.playground import playground_page
from cnnlab.playground.images import page_images
from cnnlab.playground.settings import Settings
from cnnlab.runs.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "playground.json"
DATA, BATCH_SIZE, THREADS = "mnist-5k", 64, 2
ROUNDS, TURN_S = 5, 3.0
PLAIN = {"net": "conv-net", "design": "32.64_3_1_plain_128_max", "dropout": 0.5, "optimizer": "momentum", "rate": 0.01}

#: Net → the accuracy to reach, and the settings that are tried, as the page's link has them.
TARGETS: dict[str, tuple[float, list[dict[str, Any]]]] = {
    "lenet5": (
        0.97,
        [
            {"rate": rate, "batch": batch, "shift": shift}
            for rate, batch, shift in [
                (1e-3, 64, 0),
                (2e-3, 32, 0),
                (3e-3, 64, 0),
                (2e-3, 32, 1),
                (3e-3, 64, 1),
                (5e-3, 64, 1),
            ]
        ],
    ),
    "simple-cnn": (
        0.98,
        [
            {"rate": rate, "batch": batch, "shift": shift, "dropout": dropout}
            for rate, batch, shift, dropout in [(1e-3, 64, 0, 0.5), (2e-3, 64, 1, 0.0)]
        ],
    ),
}
CHOOSING_SEEDS, SEEDS, MOST_EPOCHS = range(100, 103), range(5), 40
PAGES, PAUSES, WATCHED_S, EPOCHS = 5, 10, 8.0, 20
IMAGES_CHECKED, STEPS = 32, 100

#: Before the page's own script: when it could train, and the milliseconds between its frames.
_WATCHING = """
let held;
globalThis.watched = {};
watched.ready = new Promise((resolve) => (watched.isReady = resolve));
Object.defineProperty(globalThis, "playground", {
  get: () => held,
  set(value) {
    held = value;
    value.learning.trainer.ready.then(() => watched.isReady(performance.now()));
  },
});
watched.frames = (milliseconds) => new Promise((resolve) => {
  const gaps = [];
  const started = performance.now();
  let before = started;
  const frame = (now) => {
    gaps.push(now - before);
    before = now;
    if (now - started < milliseconds) requestAnimationFrame(frame);
    else resolve(gaps.slice(1));
  };
  requestAnimationFrame(frame);
});
"""

_TRAIN_FOR = """async (seconds) => {
  const { trainer } = playground.learning;
  await trainer.ready;
  const [steps, epochs, started] = [trainer.steps, trainer.curves.epochs.length, performance.now()];
  const paused = new Promise((resolve) => trainer.addEventListener("paused", resolve, { once: true }));
  trainer.play();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  trainer.pause();
  await paused;
  const wall_s = (performance.now() - started) / 1000;
  const measuring_s = trainer.curves.epochs.slice(epochs).reduce((sum, { eval_time_s }) => sum + eval_time_s, 0);
  const images = ((trainer.steps - steps) * trainer.training.images.length) / trainer.perEpoch;
  return { images, time_s: wall_s - measuring_s, wall_s };
}"""

_TO_TARGET = """async ([target, mostEpochs, opensTest]) => {
  const { trainer } = playground.learning;
  const { workers, kernel } = await trainer.ready;
  const started = performance.now();
  const opened = [];
  let [time_s, reached] = [0, false];
  while (trainer.epochs < mostEpochs && !reached) {
    await trainer.epoch();
    const { validation_accuracy, train_time_s } = trainer.curves.epochs.at(-1);
    time_s = train_time_s;
    if (!(validation_accuracy >= target)) continue;
    const test = opensTest ? (await trainer.evaluate("test")).accuracy : null;
    if (opensTest) opened.push({ epoch: trainer.epochs, validation: validation_accuracy, test });
    reached = !opensTest || test >= target;
  }
  const wall_s = (performance.now() - started) / 1000;
  return { reached, epochs: trainer.epochs, time_s, wall_s, opened, workers, kernel };
}"""

_PAUSES = """async (count) => {
  const { trainer } = playground.learning;
  const times = [];
  for (let i = 0; i < count; i++) {
    trainer.play();
    await new Promise((resolve) => setTimeout(resolve, 300 + 37 * i));
    const paused = new Promise((resolve) => trainer.addEventListener("paused", resolve, { once: true }));
    const started = performance.now();
    trainer.pause();
    await paused;
    times.push(performance.now() - started);
  }
  return times;
}"""


def main() -> None:
    """Measure what the command line names, and write the record."""
    parts: dict[str, Callable[[Browser, Path, ImageSet], Any]] = {
        "speed": _speed,
        "target": _target,
        "page": _page,
        "gradients": _gradients,
    }
    chosen = sys.argv[1:] or list(parts)
    if not set(chosen) <= set(parts):
        raise SystemExit(f"got {' '.join(chosen)}; expected some of {', '.join(parts)}")
    record = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    record |= {"command": "python -m benchmarks.playground", "data": DATA}
    data = load(DATA)
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        for part in chosen:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            record[part] = parts[part](browser, Path(folder), data)
            record["environment"] = environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False) | {
                "chromium": browser.version
            }
            browser.close()
            RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def _speed(browser: Browser, folder: Path, data: ImageSet) -> dict[str, Any]:
    page = _written(folder / "all.html", (), data)
    pages = {
        "page, simple-cnn": {"net": "simple-cnn"},
        "page, simple-cnn without batch norm": PLAIN,
        "page, lenet5": {"net": "lenet5"},
    }
    with (
        rivals(data) as (site, versions),
        in_shared_files(data) as images,
        Contender("stock", StockPipeline.open, images, THREADS) as stock,
    ):
        turns: dict[str, Callable[[], dict[str, float]]] = {}
        for name, settings in pages.items():
            turns[name] = partial(_train_for, _opened(browser, page, settings))
        turns["stock, simple-cnn"] = partial(stock.ask, "train_for", TURN_S)
        for name, file, net in [
            ("ConvNetJS, simple-cnn without batch norm", "convnetjs", "simple-cnn"),
            ("ConvNetJS, lenet5", "convnetjs", "lenet5"),
            ("jax-js, simple-cnn", "jax_js", "simple-cnn"),
            ("jax-js, lenet5", "jax_js", "lenet5"),
        ]:
            rival = browser.new_page()
            rival.goto(f"{site}/{file}.html")
            rival.wait_for_function("globalThis.trainFor !== undefined")
            options = {"batchSize": BATCH_SIZE, "mean": data.mean[0], "std": data.std[0]}
            rival.evaluate("([net, options]) => start(net, options)", [net, options])
            turns[name] = partial(_rival_trains, rival)
        results = _in_turns(turns)
    rates = {name: [turn["images"] / turn["time_s"] for turn in of] for name, of in results.items()}
    measured = {
        name: [turn["images"] / turn["wall_s"] for turn in of] for name, of in results.items() if "wall_s" in of[0]
    }
    ratios = [
        ("page, simple-cnn", "stock, simple-cnn"),
        ("page, simple-cnn without batch norm", "ConvNetJS, simple-cnn without batch norm"),
        ("page, simple-cnn", "jax-js, simple-cnn"),
        ("page, lenet5", "ConvNetJS, lenet5"),
        ("page, lenet5", "jax-js, lenet5"),
    ]
    return {
        "rounds": ROUNDS,
        "turn_s": TURN_S,
        "batch_size": BATCH_SIZE,
        "versions": versions,
        "images_per_s": {name: _figures(values) for name, values in rates.items()},
        "with_measuring": {name: _figures(values) for name, values in measured.items()},
        "ratios": {
            f"{name} ÷ {rival}": _figures([a / b for a, b in zip(rates[name], rates[rival], strict=True)])
            for name, rival in ratios
        },
    }


def _in_turns(turns: dict[str, Callable[[], dict[str, float]]]) -> dict[str, list[dict[str, float]]]:
    results: dict[str, list[dict[str, float]]] = {name: [] for name in turns}
    for round_number in range(ROUNDS + 1):
        for name, turn in turns.items():
            result = turn()
            print(f"{round_number} {name}: {result['images'] / result['time_s']:.1f} images/s", flush=True)
            if round_number:
                results[name].append(result)
    return results


def _train_for(page: Page) -> dict[str, float]:
    page.bring_to_front()
    return page.evaluate(_TRAIN_FOR, TURN_S)


def _rival_trains(page: Page) -> dict[str, float]:
    page.bring_to_front()
    return page.evaluate("(seconds) => trainFor(seconds)", TURN_S)


def _target(browser: Browser, folder: Path, data: ImageSet) -> list[dict[str, Any]]:
    records = []
    for net, (target, candidates) in TARGETS.items():
        file = _written(folder / f"{net}.html", (net,), data)
        tried: list[dict[str, Any]] = []
        for settings in candidates:
            runs = [
                _chase(browser, file, {**settings, "seed": seed}, target, opens_test=False) for seed in CHOOSING_SEEDS
            ]
            tried.append(
                {
                    "settings": settings,
                    "reached": all(run["reached"] for run in runs),
                    "epochs": [run["epochs"] for run in runs],
                    "time_s": [run["time_s"] for run in runs],
                }
            )
            print(net, tried[-1], flush=True)
        best = min(tried, key=lambda each: (not each["reached"], mean(each["time_s"])))["settings"]
        chases = []
        for seed in SEEDS:
            chases.append({"seed": seed} | _chase(browser, file, {**best, "seed": seed}, target, opens_test=True))
            print(net, chases[-1], flush=True)
        records.append(
            {
                "net": net,
                "target": target,
                "tried": tried,
                "settings": best,
                "seeds": chases,
                "mean_time_s": mean(each["time_s"] for each in chases) if all(c["reached"] for c in chases) else None,
            }
        )
    return records


def _chase(browser: Browser, file: Path, settings: dict[str, Any], target: float, *, opens_test: bool) -> Any:
    page = _opened(browser, file, settings)
    found = page.evaluate(_TO_TARGET, [target, MOST_EPOCHS, opens_test])
    page.close()
    return found


def _page(browser: Browser, folder: Path, data: ImageSet) -> dict[str, Any]:
    file = _written(folder / "lenet5.html", ("lenet5",), data)
    ready = []
    for _ in range(PAGES):
        page = _opened(browser, file, {})
        ready.append(page.evaluate("watched.ready"))
        page.close()
    page = _opened(browser, file, {})
    page.evaluate("playground.learning.trainer.play()")
    page.wait_for_timeout(1000)
    browser.start_tracing(page=page, categories=["toplevel"])
    frames = page.evaluate("(milliseconds) => watched.frames(milliseconds)", 1000 * WATCHED_S)
    tasks = _tasks(json.loads(browser.stop_tracing())["traceEvents"])
    page.evaluate("playground.learning.trainer.pause()")
    page.wait_for_timeout(500)
    pauses = page.evaluate(_PAUSES, PAUSES)
    page.close()
    return {
        "bytes": file.stat().st_size,
        "images": len(data.train) + len(data.validation) + len(data.test),
        "ready_ms": _figures(ready),
        "watched_s": WATCHED_S,
        "tasks_over_50_ms": sum(task["dur"] > 50_000 for task in tasks),
        "longest_task_ms": max(task["dur"] for task in tasks) / 1000,
        "longest_task_processor_ms": max(task["tdur"] for task in tasks) / 1000,
        "frame_ms": median(frames),
        "longest_frame_ms": max(frames),
        "pause_ms": _figures(pauses),
        "memory": _memory(browser, file),
    }


def _tasks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of the page's main thread; `dur` by the clock, `tdur` by the processor, microseconds."""
    tasks: dict[tuple[int, int], list[dict[str, Any]]] = {}
    mains = {(each["pid"], each["tid"]) for each in events if each.get("args") == {"name": "CrRendererMain"}}
    for each in events:
        if each["name"] == "ThreadControllerImpl::RunTask" and "tdur" in each and (each["pid"], each["tid"]) in mains:
            tasks.setdefault((each["pid"], each["tid"]), []).append(each)
    return max(tasks.values(), key=lambda of: sum(task["tdur"] for task in of))


def _memory(browser: Browser, file: Path) -> list[dict[str, Any]]:
    """After each epoch, garbage collected: the page's heap, and what the process of page and workers has resident."""
    page = _opened(browser, file, {})
    session, whole = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
    session.send("Performance.enable")
    page.evaluate("playground.learning.trainer.epoch()")
    renderers = [each for each in whole.send("SystemInfo.getProcessInfo")["processInfo"] if each["type"] == "renderer"]
    process = max(renderers, key=lambda each: each["cpuTime"])["id"]
    rows = []
    for epoch in range(1, EPOCHS + 1):
        if epoch > 1:
            page.evaluate("playground.learning.trainer.epoch()")
        session.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        status = Path(f"/proc/{process}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        rows.append(
            {"epoch": epoch, "heap_bytes": metrics["JSHeapUsedSize"], "resident_bytes": 1024 * int(resident.split()[1])}
        )
    page.close()
    return rows


def _gradients(browser: Browser, folder: Path, data: ImageSet) -> dict[str, Any]:
    """Of eight nets, and the weights after 100 steps of LeNet-5, MLP and SimpleCNN."""
    records, weights = [], []
    images = page_images(data)
    with module_site(browser) as in_modules:
        for name, case in EIGHT_NETS.items():
            planned = case.planned(name)
            batch = Batch.noise(IMAGES_CHECKED, case.shape)
            kernel, found = in_page(in_modules, planned, batch)
            deviations = largest_deviation(found, by_pytorch(planned, batch))
            worst = max(deviations, key=lambda each: deviations[each])
            records.append(
                {
                    "net": name,
                    "kernel": kernel,
                    "tensors": len(deviations),
                    "largest_deviation": deviations[worst],
                    "where": worst,
                }
            )
            print(records[-1], flush=True)
        for name in ("lenet5", "mlp", "simple-cnn"):
            planned = EIGHT_NETS[name].planned(name)
            for optimizer, rate in (("adam", 1e-3), ("sgd", 0.01)):
                settings = Settings(
                    optimizer=optimizer,
                    learning_rate=rate,
                    dropout=planned.dropout,
                    images=len(images.train),
                )
                found = steps_in_page(in_modules, planned, images, settings, STEPS)
                idle = {
                    f"{layer['inputs'][0]}.bias"
                    for layer in planned.layers
                    if layer["operation"]["kind"] == "batch_norm"
                }
                found = {name: values for name, values in found.items() if name not in idle}
                single = steps_by_pytorch(planned, images, settings, STEPS)
                double = steps_by_pytorch(planned, images, settings, STEPS, precision=torch.float64)
                weights.append(
                    {
                        "net": name,
                        "optimizer": optimizer,
                        "learning_rate": rate,
                        "page_to_pytorch_float32": _apart(found, single),
                        "page_to_pytorch_float64": _apart(found, double),
                        "pytorch_float32_to_float64": _apart({name: single[name] for name in found}, double),
                    }
                )
                print(weights[-1], flush=True)
    return {"images": IMAGES_CHECKED, "nets": records, "steps": STEPS, "weights": weights}


def _apart(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """Of the tensors that both have, the furthest: its largest difference by its largest value, and so by norms."""
    pairs = [(one[name], other[name]) for name in one.keys() & other.keys()]
    return {
        "largest": max(float(abs(left - right).max() / abs(right).max()) for left, right in pairs),
        "norm": max(float(norm(left - right) / norm(right)) for left, right in pairs),
    }


def _written(file: Path, nets: Sequence[str], data: ImageSet) -> Path:
    file.write_text(playground_page(nets, data).html)
    return file


def _opened(browser: Browser, file: Path, settings: dict[str, Any]) -> Page:
    """The page with settings as its link has them, ready to train."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.add_init_script(_WATCHING)
    page.goto(f"{file.resolve().as_uri()}#{urlencode(settings)}")
    page.evaluate("watched.ready")
    return page


def _figures(values: Sequence[float]) -> dict[str, Any]:
    found = median_and_range(values)
    return {"median": found.median, "smallest": found.min, "largest": found.max, "all": list(values)}


if __name__ == "__main__":
    main()
