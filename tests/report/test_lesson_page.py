from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnlab.report.lesson_page import LessonEntry, lesson_page


def test_the_runs_side_by_side(digits: Any, many: Any, read: Callable[[str], Any]) -> None:
    html = lesson_page([LessonEntry(digits.run, "a b/report.html"), LessonEntry(many.run, "javascript:alert(1)")])
    page = read(html)
    head, *rows = page.tables["Nets of this lesson"]
    result = digits.run.result()
    low, high = result["test"]["accuracy_interval"]
    assert dict(zip(head, rows[0], strict=True)) == {
        "Net": "lenet5",
        "Test accuracy": f"{100 * result['test']['accuracy']:.1f} %",
        "95 % interval": f"{100 * low:.1f} – {100 * high:.1f} %",
        "Test images": "500",
        "Training time": f"{result['train_time_s']:.1f} s",
        "Parameters": "61,706",
        "Recipe": "lesson",
        "Data": "mnist-5k",
    }
    assert page.attributes("href") == ["a%20b/report.html", "javascript%3Aalert%281%29"]
    assert "<script" not in html
    assert lesson_page([LessonEntry(digits.run, "a b/report.html")]) == lesson_page(
        [LessonEntry(digits.run, "a b/report.html")]
    )


def test_one_data_set_needs_no_column(digits: Any, read: Callable[[str], Any]) -> None:
    page = read(lesson_page([LessonEntry(digits.run, "lenet5/report.html")]))
    assert "Data" not in page.tables["Nets of this lesson"][0]
    assert "real images (mnist-5k)" in page.text


def test_no_runs_yet(read: Callable[[str], Any]) -> None:
    assert "No run is finished yet." in read(lesson_page([])).text
