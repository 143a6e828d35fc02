"""The lesson, part by part: each does what is not done yet, and leaves its pages in the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.judging import VerdictWord
from cnnlab.claims.laboratory import FULL, QUICK, Laboratory, seeds_of_a_round
from cnnlab.claims.measuring import measure, still_to_train
from cnnlab.claims.registry import find_claim
from cnnlab.claims.rounds import RoundRecord, round_of
from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.known import FASHION_MNIST
from cnnlab.data.places import search
from cnnlab.data.views import split_name
from cnnlab.errors import Stopped, UserError
from cnnlab.experiments.compare import Comparison, as_two_by_two
from cnnlab.experiments.engines.choice import choose_engine
from cnnlab.experiments.job import Job
from cnnlab.experiments.work import work_of
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.features.choosing import a_handful
from cnnlab.features.looking import look
from cnnlab.lesson import sizes
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.experiments import architectures, best_cnn, jobs_of, regularisers
from cnnlab.lesson.record import LessonOutcome, LessonRecord
from cnnlab.lesson.sizes import Sizes
from cnnlab.one_writer import one_writer_of_new
from cnnlab.plain_files import place_in
from cnnlab.playground import playground_page
from cnnlab.report.back import back_from_look, back_from_run, back_to
from cnnlab.report.comparison.page import comparison_page
from cnnlab.report.lesson.pages import LessonFacts, lesson_pages
from cnnlab.report.look.page import look_page
from cnnlab.report.net.page import anatomy_page
from cnnlab.report.run.page import run_page
from cnnlab.runs import open_run
from cnnlab.runs.folder import RunResult
from cnnlab.runs.identity import require_same
from cnnlab.runs.make import make_run, reopen_run
from cnnlab.runs.plan import Plan
from cnnlab.whole_files import write_whole
from cnnlab.workflows.claims import ClaimPages
from cnnlab.workflows.handout import Handout, hand_out
from cnnlab.workflows.reports import write_reports

if TYPE_CHECKING:
    from cnnlab.data.imageset import ImageSet, Progress

#: The nets of the lesson, in its order; their runs' folders have these names.
NETS = ("lenet5", "simple-cnn")

#: The seed of both.
SEED = 0

#: What a second of this process counts for in the progress next to trainings, in multiply-adds.
A_SECOND = 140e9

#: Seconds that parts take, roughly, for the progress display.
EXPLORER_S, PLAYGROUND_S, LOOK_S, CLAIM_S, REPORT_S, PAGES_S = 3.0, 25.0, 10.0, 1.0, 0.25, 8.0


class View(Protocol):
    """Where a lesson shows how far it is."""

    def expect(self, work: Mapping[Any, float]) -> None:
        """Count more pieces of work, in any one unit."""
        ...

    def begin(self, part: str) -> None:
        """Say which part of the lesson begins."""
        ...

    def progress(self, piece: Any, share: float) -> None:
        """Say that a share (0–1) of a piece of work is done."""
        ...

    def say(self, sentence: str) -> None:
        """Show a sentence that stays on the screen."""
        ...


def run_lesson(
    out: Path,
    *,
    data: str | None,
    is_full: bool,
    data_root: Path | None,
    command: str,
    view: View,
    should_stop: Callable[[], bool],
    on_data: Progress | None = None,
    hands_out: bool = False,
) -> LessonRecord:
    """Run the lesson, or continue the one that `out` holds; what is finished is not done again.

    data: a whole set, by default mnist-5k, of a full lesson mnist. Only a full one fetches anything. command: that runs
    the lesson, for its pages. on_data: called while images are brought or decoded. hands_out: leave a handout
    beside the folder, too (`handout.py`).
    Returns the record, with its outcome, as lesson.json holds it. Raises Stopped when `should_stop` says so, and
    UserError for a part of a set, for another lesson in `out`, where another process writes it, and where a training
    fails.
    """
    digits = data or (FULL if is_full else QUICK).data
    size = (sizes.full if is_full else sizes.quick)(digits, fashion_of(digits, data_root, may_fetch=is_full))
    if split_name(digits)[0] != digits:
        base = split_name(digits)[0]
        raise UserError(f"--data {digits}: expected a whole set, of which the lesson takes parts itself: --data {base}")
    images = load(digits, root=data_root, fetch=is_full, progress=on_data)
    with one_writer_of_new(out), one_writer_of_new(place_in(out, "claims")):
        record = LessonRecord(out / "lesson.json", size, images, seed=SEED)
        laboratory = Laboratory(
            data=digits,
            fashion=size.fashion if is_full else digits,
            seeds=seeds_of_a_round(size.seeds),
            train_size=size.laboratory.images,
            is_quick=not is_full,
            epochs=size.laboratory.epochs,
            folder=place_in(out, "claims/runs"),
            engine=choose_engine("auto", say=view.say),
            data_root=None if data_root is None else str(data_root),
            on_progress=view.progress,
            should_stop=should_stop,
        )
        lesson = Lesson(out, size, images, laboratory, view, should_stop)
        if record.outcome.claims != lesson.verdicts():
            record.reopen("pages")  # a claim was put to the test since
        if "pages" not in record.finished:
            with record.part("trainings"):
                lesson.train()
            with record.part("homework"):
                comparisons = lesson.compare()
            with record.part("explorers"):
                lesson.explorers()
            with record.part("insides"):
                lesson.insides()
            with record.part("claims"):
                lesson.claims()
            with record.part("pages"):
                facts = LessonFacts(record.made, command, SEED, record.parts, record.environment)
                lesson.pages(lesson.evidence(comparisons), facts)
                lesson.tidy()
        record.outcome = LessonOutcome(runs=tuple(lesson.results()), claims=lesson.verdicts())
        record.write()
        if hands_out:
            lesson.hand_out()
    return record


def fashion_of(digits: str, data_root: Path | None, *, may_fetch: bool) -> str:
    """The images of homework 4: Fashion-MNIST, or the lesson's own where that is not on this machine."""
    is_there = may_fetch or search(FASHION_MNIST, root=data_root).found is not None
    return FASHION_MNIST.name if is_there else digits


@dataclass(frozen=True)
class Lesson:
    """A lesson's folder while it is filled. is_stopped: whether the user has asked to stop."""

    out: Path
    sizes: Sizes
    images: ImageSet
    laboratory: Laboratory
    view: View
    is_stopped: Callable[[], bool]

    def train(self) -> None:
        """Train both nets, and whatever experiments and claims are known to need.

        Raises Stopped when the user asked for it, and UserError where a training fails.
        """
        experiments = jobs_of([architectures(self.sizes), regularisers(self.sizes)], self.laboratory)
        claims = [find_claim(name) for name in self._untested(self._round())]
        work = still_to_train(claims, self.laboratory)
        nets = [self._net_job(name) for name in NETS]
        costs: dict[str, int] = {}
        for job in [*nets, *experiments]:
            if not job.is_finished:
                work[job] = work_of(open_run(job.path).config, costs)
        self.view.expect(work | self._other_work())
        self.view.begin(f"{len(work)} trainings")
        queue = sorted(work, key=lambda job: (job not in nets, -work[job]))
        self.laboratory.trainer.train_jobs({"all": queue}, may_diverge=True)  # a claim may try rates that are too high

    def _net_job(self, name: str) -> Job:
        path, epochs = place_in(self.out, name), float(self.sizes.nets.epochs)
        if (path / "config.json").exists():
            run, _ = reopen_run(
                path, self.images, requested={"net": name, "recipe": "lesson", "epochs": epochs, "seed": SEED}
            )
        else:
            plan = Plan(net=NetSpec(name=name), data=self.images.name, epochs=epochs)
            run, _ = make_run(path, plan, self.images, seed=SEED)
        identity, begun = self.laboratory.engine.identity(run.config), run.identity()
        if begun is not None:
            require_same(path, begun, identity)
        return Job(path, identity, self.laboratory.data_root, keeps_checkpoints=True)

    def _other_work(self) -> dict[Any, float]:
        seconds: dict[Any, float] = {"pages": PAGES_S, "reports": 40 * REPORT_S}
        seconds |= {f"explorer {name}": EXPLORER_S for name in NETS if not (self.out / name / "explorer.html").exists()}
        seconds |= {} if self._playground_page.exists() else {"playground": PLAYGROUND_S}
        seconds |= {} if self._look_page.exists() else {"look": LOOK_S}
        seconds |= {f"claim {name}": CLAIM_S for name in self._untested(self._round())}
        return {piece: A_SECOND * time_s for piece, time_s in seconds.items()}

    def compare(self) -> dict[str, Comparison]:
        """The homework's comparisons by name, each with its page. Raises as `train`."""
        self.view.begin("homework")
        first = architectures(self.sizes).compare(self.laboratory)
        found = {
            "architectures": first,
            "regularisers": as_two_by_two(regularisers(self.sizes).compare(self.laboratory)),
            "best_cnn": best_cnn(self.sizes, first).compare(self.laboratory),
        }
        for name, comparison in found.items():
            page = place_in(self.out, f"{name.replace('_', '-')}.html")
            links = {one.variant.name: self._reports(one.runs, name) for one in comparison.variants}
            write_whole(page, comparison_page(comparison, links=links, back=back_to(name)).encode())
        self.view.progress("reports", 1.0)
        return found

    def _reports(self, runs: Iterable[Any], chapter: str) -> list[str]:
        self._go_on_or_stop()
        return write_reports(runs, self.out, self.laboratory.load, back=back_to(chapter, depth=3))

    def explorers(self) -> None:
        """An explorer for each net, and its report, which leads there; and the playground. Raises Stopped."""
        self.view.begin("explorers")
        for one in self._trained():
            self._go_on_or_stop()
            run = one.run
            if not run.explorer_path.exists():
                run.write(run.explorer_path.name, self._explorer(one, moments=True))
            run.write_report(run_page(run, self.images, one.net, back=back_from_run(run.path)))
            self.view.progress(f"explorer {one.name}", 1.0)
        self._go_on_or_stop()
        if not self._playground_page.exists():
            page = playground_page((), self.images, lesson=back_to("training").page)
            write_whole(self._playground_page, page.html.encode())
            self.view.progress("playground", 1.0)

    @property
    def _playground_page(self) -> Path:
        return place_in(self.out, "playground.html")

    def _explorer(self, one: Trained, *, moments: bool) -> bytes:
        back = back_from_run(one.run.path)
        shown = [ExploredRun(one.run, one.net)]
        return explorer_page(
            shown, self.images, report="report.html", lesson=None if back is None else back.page, moments=moments
        ).html.encode()

    @property
    def _look_page(self) -> Path:
        return self.out / NETS[1] / "look" / "index.html"

    def insides(self) -> None:
        """A look at SimpleCNN. Raises Stopped."""
        self.view.begin("inside SimpleCNN")
        self._go_on_or_stop()
        if self._look_page.exists():
            return
        _, cnn = self._trained()
        mistakes = cnn.run.evaluations()["test"].mistakes
        chosen = a_handful(self.images.test, mistakes, classes=len(self.images.classes))
        cnn.run.note_test_opening("cnnlab lesson")
        found, back = look(cnn.net, self.images, chosen, mistakes), back_from_look(cnn.run.path)
        page = look_page(found, cnn.run, report="../report.html", back=back)
        cnn.run.write("look/index.html", page.encode())
        self.view.progress("look", 1.0)

    def claims(self) -> None:
        """Put the claims to the test that have no entry and page yet. Raises as `train`."""
        self.view.begin("claims")
        folder, record = place_in(self.out, "claims"), self._round()
        if record.put_aside is not None:
            self.view.say(f"{folder} held another round; its figures are kept in {record.put_aside}")
        pages = ClaimPages(folder, record, self.laboratory.load)
        for name in self._untested(record):
            self._go_on_or_stop()
            measured = measure(find_claim(name), self.laboratory)
            record.add(measured.entry(folder))
            pages.add(measured)
            self.view.progress(f"claim {name}", 1.0)

    def _untested(self, record: RoundRecord) -> list[str]:
        """The claims that have no entry and page yet."""
        pages = self.out / "claims"
        return [
            name for name in self.sizes.claims if name not in record.entries or not (pages / f"{name}.html").exists()
        ]

    def _round(self) -> RoundRecord:
        this_round = round_of(self.laboratory, engine="auto")
        return RoundRecord(place_in(self.out, "claims") / "claims.json", this_round)

    def entries(self) -> dict[str, ClaimEntry]:
        """The claims' entries so far."""
        return self._round().entries

    def verdicts(self) -> dict[str, VerdictWord]:
        """Each claim's verdict so far."""
        return {name: entry.verdict for name, entry in self.entries().items()}

    def evidence(self, comparisons: dict[str, Comparison]) -> Evidence:
        """What the chapters draw on, once all but the pages is done."""
        lenet, cnn = self._trained()
        return Evidence(
            folder=self.out,
            sizes=self.sizes,
            data=self.images,
            lenet=lenet,
            simple_cnn=cnn,
            entries=self.entries(),
            **comparisons,
        )

    def pages(self, evidence: Evidence, facts: LessonFacts) -> None:
        """The lesson's own pages and questions.json, the contents last: where they stand, all is there."""
        self.view.begin("pages")
        anatomies = {one.name: one.anatomy for one in (evidence.lenet, evidence.simple_cnn)}
        html = anatomy_page(anatomies, image=evidence.digit, image_name=self.images.name, back=back_to("shapes"))
        written = {"anatomy.html": html} | lesson_pages(evidence, facts)
        contents = written.pop("index.html")
        for name, page in written.items():
            write_whole(place_in(self.out, name), page.encode())
        write_whole(place_in(self.out, "index.html"), contents.encode())
        self.view.progress("pages", 1.0)

    def tidy(self) -> None:
        """Make the folder small enough to hand on: of all weights those of the two nets stay.

        The other runs served verdicts and figures, which are written down.
        """
        for name in NETS:
            open_run(place_in(self.out, name)).forget_state()
        for config in self.laboratory.folder.glob("*/config.json"):
            with suppress(UserError):  # what is no run has no weights that are known to be one's
                open_run(place_in(self.laboratory.folder, config.parent.name)).let_go_of_weights()

    def hand_out(self) -> Handout:
        """Leave the pages as one file beside the folder, with explorers that hold the finished nets alone."""
        self.view.begin("handout")
        light = {f"{one.folder}/explorer.html": self._explorer(one, moments=False) for one in self._trained()}
        return hand_out(self.out, light, data=(self.images.name, self.sizes.fashion))

    def results(self) -> list[RunResult]:
        """The figures of the runs of both nets."""
        return [one.run.result() for one in self._trained()]

    def _trained(self) -> list[Trained]:
        runs = [open_run(place_in(self.out, name)) for name in NETS]
        return [Trained(name, name, run, run.load_net(), self.images) for name, run in zip(NETS, runs, strict=True)]

    def _go_on_or_stop(self) -> None:
        if self.is_stopped():
            raise Stopped
