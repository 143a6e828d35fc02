"""A worker that dies, a browser that lacks something, a hidden tab, a loss of NaN: it goes on, or says so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cnnlab.data import load
from cnnlab.playground import page as playground
from cnnlab.playground.page import playground_page

pytestmark = pytest.mark.browser

DATA = "mnist-5k@1024"
Opened = Callable[..., Any]

#: Counts the page's workers, and lets a test lay a line before the script of those to come.
WATCHED = """
  globalThis.workers = [];
  globalThis.before = "";
  globalThis.Worker = class extends Worker {
    constructor(url) {
      super(url);
      this.lives = true;
      workers.push(this);
    }
    terminate() {
      this.lives = false;
      super.terminate();
    }
  };
  globalThis.Blob = class extends Blob {
    constructor(parts, options) {
      super(options?.type === "text/javascript" ? [before, ...parts] : parts, options);
    }
  };
"""
ALIVE = "workers.filter(({ lives }) => lives).length"
#: Two times ten seconds of silence are too long for a test.
IMPATIENT = """
  const later = setTimeout;
  globalThis.setTimeout = (does, ms, ...more) => later(does, ms === 10_000 ? 700 : ms, ...more);
"""
STEPS = "playground.learning.trainer.steps"
EPOCHS = "playground.learning.trainer.curves.epochs"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with three nets, two of them without PyTorch's hundred steps, which no test here asks for."""
    proof, path = playground.proof, tmp_path_factory.mktemp("playground") / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playground, "proof", lambda net, *of: proof(net, *of) if net.spec.name == "lenet5" else None)
        page = playground_page(["lenet5", "simple-cnn", "mlp"], load(DATA))
    path.write_text(page.html, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, written: Path) -> Opened:
    """Open the page by a link, with a script before its own; at the end, that it raised nothing."""

    @contextmanager
    def open_page(fragment: str = "", script: str = "", path: Path = written) -> Iterator[Any]:
        made = browser.new_context(viewport={"width": 1366, "height": 768})
        page = made.new_page()
        page.add_init_script(f"{{ {WATCHED} }}\n{{ {script} }}")
        raised: list[str] = []
        page.on("pageerror", lambda error: raised.append(str(error)))
        page.goto(f"{path.as_uri()}#{fragment}")
        until(page, "globalThis.playground?.learning.trainer")
        yield page
        made.close()
        assert raised == []

    return open_page


def until(page: Any, expression: str) -> None:
    """Wait until it is true: the page's policy forbids Playwright's own way of waiting."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"after a minute still not: {expression}"
        page.wait_for_timeout(50)


def test_after_a_worker_s_death_the_same_training_goes_on(opened: Opened) -> None:
    with opened("net=mlp&images=512", IMPATIENT) as page:
        page.evaluate("playground.learning.trainer.ready")
        workers = page.evaluate(ALIVE)
        page.click("#play")
        until(page, f"{EPOCHS}.length >= 2")
        page.evaluate("workers.findLast(({ lives }) => lives).terminate()")
        until(page, "!document.getElementById('notice').hidden")
        assert page.inner_text("#notice").startswith("A worker was lost (a worker no longer answers): another took its")
        lost = page.evaluate(f"{EPOCHS}.length")
        until(page, f"{EPOCHS}.length >= {lost + 2}")
        page.click("#play")
        until(page, "!playground.learning.trainer.isPlaying")
        assert page.evaluate(ALIVE) == workers
        steps = page.evaluate("playground.learning.trainer.curves.steps.map(({ step }) => step)")
        assert steps == sorted(set(steps))
        with_loss = page.evaluate(EPOCHS)
        page.click("#reset")
        for _ in with_loss:
            page.evaluate("playground.learning.trainer.epoch()")
        without = page.evaluate(EPOCHS)
        figures = ("epoch", "steps", "validation_loss", "validation_accuracy", "remeasured_loss", "is_best")
        assert [[each[key] for key in figures] for each in with_loss] == [
            [each[key] for key in figures] for each in without
        ]
        for one, other in zip(with_loss, without, strict=True):
            assert one["training_loss"] == pytest.approx(other["training_loss"], rel=1e-9)


def test_an_epoch_that_was_asked_for_ends_where_it_would_have_and_a_measurement_is_made_again(opened: Opened) -> None:
    with opened("net=mlp&images=512", IMPATIENT) as page:
        page.evaluate(
            """async () => {
              const { trainer } = playground.learning;
              await trainer.ready;
              const die = () => workers.findLast(({ lives }) => lives).terminate();
              const epoch = trainer.epoch();
              die();
              await epoch;
              die();
              globalThis.measured = await trainer.evaluate("validation");
            }"""
        )
        assert page.evaluate(f"[{STEPS}, playground.learning.trainer.isPlaying]") == [8, False]
        assert page.evaluate(f"measured.accuracy - {EPOCHS}[0].validation_accuracy") == 0


def test_three_deaths_in_a_row_end_it_in_words_and_it_can_be_tried_again(opened: Opened) -> None:
    with opened("net=mlp&images=512") as page:
        page.click("#epoch")
        until(page, f"{EPOCHS}.length === 1 && !playground.learning.trainer.isPlaying")
        page.evaluate("globalThis.before = 'postMessage({ id: -1 }); throw new Error(\"no memory\");'")
        page.evaluate(
            """() => {
              globalThis.deaths = 0;
              playground.learning.addEventListener("restarted", () => deaths++);
              workers.findLast(({ lives }) => lives).dispatchEvent(new ErrorEvent("error", { message: "no memory" }));
            }"""
        )
        until(page, "document.getElementById('notice').innerText.includes('again and again')")
        assert "no memory" in page.inner_text("#notice")
        assert page.evaluate("deaths") == 2
        assert page.evaluate(ALIVE) == 0
        assert page.inner_text("#play-says") == "Go on"
        snapshot = "playground.learning.trainer.snapshot().then(({ step, numbers }) => [step, numbers.length > 1000])"
        assert page.evaluate(snapshot) == [8, True]
        page.evaluate("globalThis.before = ''")
        page.click("#play")
        until(page, f"{EPOCHS}.length >= 2")


PLAIN = "no WebAssembly: plain JavaScript, slower"


@pytest.mark.parametrize(
    ("before", "policy", "kernel", "says"),
    [
        ("delete globalThis.WebAssembly;", " 'wasm-unsafe-eval'", "plain", PLAIN),
        ("", "", "plain", PLAIN),
        (
            "{ const { validate } = WebAssembly; let tried = 0;"
            " WebAssembly.validate = (module) => tried++ > 0 && validate(module); }",
            " 'wasm-unsafe-eval'",
            "simd",
            "WebAssembly",
        ),
    ],
    ids=["no WebAssembly", "WebAssembly refused", "no relaxed SIMD"],
)
def test_with_what_the_browser_has_it_takes_pytorch_s_steps(
    opened: Opened, written: Path, tmp_path: Path, before: str, policy: str, kernel: str, says: str
) -> None:
    path = tmp_path / "page.html"
    path.write_text(written.read_text(encoding="utf-8").replace(" 'wasm-unsafe-eval'", policy, 1), encoding="utf-8")
    with opened("net=lenet5", f"globalThis.before = {before!r};", path) as page:
        page.evaluate("globalThis.proofs = []")
        page.evaluate("playground.learning.addEventListener('proof', ({ detail }) => proofs.push(detail))")
        assert page.evaluate("playground.learning.trainer.ready.then(({ kernel }) => kernel)") == kernel
        assert page.inner_text("#engine").startswith(says)
        page.evaluate("playground.learning.trainer.step(10)")
        proofs = page.evaluate("proofs")
        assert [proof["step"] for proof in proofs] == [1, 10]
        for proof in proofs:
            assert proof["deviation"] < 1e-4
            assert proof["loss"] == pytest.approx(proof["expectedLoss"], rel=1e-5)


def test_behind_another_tab_it_learns_on_and_paints_nothing_and_after_a_closed_lid_it_goes_on(opened: Opened) -> None:
    with opened("net=mlp&images=512") as page:
        page.click("#play")
        until(page, f"{STEPS} > 2")
        session = page.context.new_cdp_session(page)
        # Playwright makes every page believe that it is in front
        session.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        other = page.context.new_page()
        other.bring_to_front()
        other.wait_for_timeout(300)
        look = f"[playground.live.painted, {STEPS}]"
        painted, steps = page.evaluate(look)
        until(page, f"{STEPS} > {steps + 40}")
        assert page.evaluate(look)[0] <= painted + 5
        page.bring_to_front()
        until(page, f"playground.live.painted > {painted + 5}")
        session.send("Page.setWebLifecycleState", {"state": "frozen"})
        other.wait_for_timeout(300)
        session.send("Page.setWebLifecycleState", {"state": "active"})
        steps = page.evaluate(STEPS)
        until(page, f"{STEPS} > {steps + 20}")
        assert page.evaluate("document.getElementById('notice').hidden")


def test_after_a_rate_that_is_too_large_the_last_good_weights_are_there_and_learn_on(opened: Opened) -> None:
    with opened("net=mlp&images=512&optimizer=sgd&rate=0.1") as page:
        page.click("#epoch")
        until(page, f"{EPOCHS}.length === 1 && !playground.learning.trainer.isPlaying")
        # so long after the last keeping weights are kept again at once: finite ones, which know nothing any more
        page.wait_for_timeout(2100)
        page.evaluate("playground.change({ learningRate: 1e6 })")
        page.click("#play")
        until(page, "!document.getElementById('notice').hidden")
        assert "a learning rate of 1000000 is too large. The last good weights stay." in page.inner_text("#notice")
        until(page, "!playground.learning.trainer.isPlaying")
        again = "playground.learning.trainer.evaluate('validation').then(({ accuracy, loss }) => [accuracy, loss])"
        [before] = page.evaluate(EPOCHS)
        assert page.evaluate(again) == [before["validation_accuracy"], before["validation_loss"]]
        page.evaluate("playground.change({ learningRate: 0.1 })")
        page.click("#epoch")
        until(page, f"{EPOCHS}.length === 2")
        assert page.evaluate(f"{EPOCHS}[1].validation_loss") < before["validation_loss"]
        steps = page.evaluate("playground.learning.trainer.curves.steps.map(({ step }) => step)")
        assert steps == sorted(set(steps))
        # at this rate the losses of the second epoch's steps are numbers still, and those measured after it are none
        page.evaluate("playground.change({ learningRate: 100, images: 20, batchSize: 10 })")
        page.click("#reset")
        page.click("#play")
        until(page, "!playground.learning.trainer.isPlaying")
        assert (
            page.evaluate(f"{EPOCHS}.map((one) => one.validation_loss + one.remeasured_loss).filter(isFinite).length")
            == 1
        )
        assert page.evaluate(f"{EPOCHS}.length") == 1


def test_twenty_epochs_leave_nothing_behind(opened: Opened) -> None:
    with opened("net=mlp&images=256") as page:
        session = page.context.new_cdp_session(page)

        def heap() -> int:
            session.send("HeapProfiler.collectGarbage")
            return session.send("Runtime.getHeapUsage")["usedSize"]

        # The page itself pauses: a busy machine would ask it many epochs later.
        page.evaluate(
            """() => {
              const { trainer } = playground.learning;
              trainer.addEventListener("epoch", () => {
                if ([5, 20].includes(trainer.curves.epochs.length)) document.getElementById("play").click();
              });
            }"""
        )
        page.click("#play")
        until(page, f"{EPOCHS}.length === 5 && !playground.learning.trainer.isPlaying")
        workers, early = page.evaluate(ALIVE), heap()
        page.click("#play")
        until(page, f"{EPOCHS}.length === 20 && !playground.learning.trainer.isPlaying")
        assert heap() - early < 3e6
        assert page.evaluate(ALIVE) == workers
        assert page.evaluate("workers.length") == workers


def test_pause_is_answered_in_the_midst_of_a_large_step(opened: Opened) -> None:
    """Of two presses the quicker counts: what else a shared machine does is no fault of the page's."""
    with opened("net=simple-cnn&batch=512") as page:
        page.evaluate("playground.learning.trainer.ready")
        page.evaluate(
            """() => {
              const button = document.getElementById("play");
              globalThis.answers = [];
              let pressed = null;
              const note = ({ timeStamp }) => (pressed = playground.learning.trainer.isPlaying ? timeStamp : null);
              button.addEventListener("click", note, true);
              new MutationObserver(() => {
                if (pressed !== null) answers.push(performance.now() - pressed);
                pressed = null;
              }).observe(button, { subtree: true, characterData: true, childList: true });
            }"""
        )
        for _ in range(2):
            page.click("#play")
            page.wait_for_timeout(200)
            page.click("#play")
            assert page.inner_text("#play-says") in ("Train", "Go on")
        assert len(page.evaluate("answers")) == 2
        assert min(page.evaluate("answers")) < 100


def test_no_task_of_the_page_s_own_thread_takes_50_ms_while_lenet5_trains(browser: Any, opened: Opened) -> None:
    """Held to the time that the tasks computed: on a busy machine the clock also counts what others did meanwhile."""
    with opened("net=lenet5") as page:
        page.click("#play")
        until(page, f"{STEPS} > 2")
        browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
        steps = page.evaluate(STEPS)
        page.wait_for_timeout(3000)
        assert page.evaluate(STEPS) > steps
        events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {(event["pid"], event["tid"]) for event in events if event.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [
        event
        for event in events
        if event["name"] == "ThreadControllerImpl::RunTask" and (event["pid"], event["tid"]) in main and "tdur" in event
    ]
    *others, longest = sorted(event["tdur"] / 1000 for event in tasks)
    assert len(others) > 20
    assert max(others) < 50
    assert longest < 100  # a single one may be the browser's own: garbage, or the recording of this
