"""A page of the lesson in a second browser: questions are answered by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence

pytestmark = pytest.mark.browser


def test_questions_are_answered(firefox: Any, evidence: Evidence) -> None:
    chapter = CHAPTERS[0]
    questions = chapter.section(evidence).questions
    number = next(one for one in questions if not one.choices)
    choice = next(one for one in questions if one.choices and one.is_graded)
    with firefox.opened(evidence.folder / chapter.file) as page:
        page.mouse(page.point(f"#a-{number.id}"))
        for letter in number.slips[0].answer:
            page.press(letter)
        page.press("Enter")
        said = page.text(f"#q-{number.id} [role=status]")
        assert said.startswith("Not quite.")
        assert number.slips[0].hint in said
        which = choice.choices.index(choice.answer)
        page.evaluate(f"document.querySelectorAll('#q-{choice.id} input[type=radio]')[{which}].id = 'right'")
        page.mouse(page.point("#right"))
        page.mouse(page.point(f"#q-{choice.id} [type=submit]"))
        said = page.text(f"#q-{choice.id} [role=status]")
        assert said.startswith("Right, at the first try.")
        assert "You wrote" not in said, "a choice is not arithmetic"
        assert page.evaluate(f"document.querySelector(\"[data-held-back='{choice.id}']\").hidden") is False
