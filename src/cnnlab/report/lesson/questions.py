"""What the lesson asks, as a record for its pages and for a class: questions in all their numbers, and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnlab.lesson.chapters import Chapter

#: Of the record's form.
FORMAT = 1


def questions_record(lesson: Mapping[str, Any], sections: Mapping[Chapter, Any]) -> dict[str, Any]:
    """The record that `questions.json` holds. lesson: which one it is. sections: what each page shows."""
    return {
        "format": FORMAT,
        "lesson": dict(lesson),
        "questions": [
            {"id": one.id, "page": chapter.file, "variants": [each.to_page() for each in one.variants]}
            for chapter, section in sections.items()
            for one in section.questions
        ],
        "texts": [
            {"id": section.writing.id, "page": chapter.file, "title": chapter.title, "text": section.writing.asks}
            for chapter, section in sections.items()
            if hasattr(section, "writing")
        ],
    }
