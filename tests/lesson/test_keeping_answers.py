"""Answers are kept, taken along and forgotten, whatever the browser keeps for a page: in Node, without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from tests.lesson.in_node import in_script

#: A browser's memory that may be made full or refused, and a page's answers on it; a page of a class with a key.
PAGES = """
class Memory {
  constructor() {
    const own = { at: new Map(), most: Infinity, isRefused: false };
    for (const [name, value] of Object.entries(own)) Object.defineProperty(this, name, { value, writable: true });
  }
  look() { if (this.isRefused) throw new Error("no"); }
  getItem(place) { this.look(); return this.at.get(place) ?? null; }
  removeItem(place) { this.look(); this.at.delete(place); delete this[place]; }
  setItem(place, text) {
    this.look();
    if (text.length > this.most) throw new Error("full");
    this.at.set(place, text);
    this[place] = text;
  }
}
const open = (memory) => {
  const get = () => (memory.look(), memory);
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get });
};
const numbers = (ofClass) => ({ ofClass, whose: (id) => (ofClass ? id.trim().toLowerCase() : ""), of: () => 0 });
const OF_CLASS = { made: "0123", key: "00" };
const page = (memory, ofClass = OF_CLASS) => { open(memory); return new answers_js.Answers("abc", numbers(ofClass)); };
let clock = 0;
const now = () => new Date(1.8e12 + 1000 * clock++).toISOString();
const answer = (answers, question, given) => answers.add(question, { given, right: false, when: now() });
globalThis.Date = class extends Date { constructor(...of) { super(...(of.length ? of : [1.8e12 + 1000 * clock++])); } };
const holds = (answers) => ({
  id: answers.id, name: answers.name, isKept: answers.isKept,
  given: Object.fromEntries(Object.entries(answers.all()).map(([id, all]) => [id, all.map(({ given }) => given)])),
  texts: Object.fromEntries(Object.entries(answers.texts()).map(([id, { text }]) => [id, text])),
});
"""


def of_pages(body: str) -> Any:
    return in_script("answers.js", PAGES + body)


@pytest.mark.parametrize("of_class", ["OF_CLASS", "null"])
@pytest.mark.parametrize("fault", ["memory.most = 30", "memory.isRefused = true"], ids=["full", "refused"])
def test_what_the_browser_keeps_no_more_stays_while_the_page_is_open(of_class: str, fault: str) -> None:
    found = of_pages(f"""
const memory = new Memory();
const answers = page(memory, {of_class});
answers.id = "Ann";
answer(answers, "one", "1");
{fault};
answer(answers, "two", "22");
answers.write("why", "because of the many words here");
return holds(answers);""")
    assert (found["isKept"], found["texts"]) == (False, {"why": "because of the many words here"})
    assert (found["id"], found["given"]) == ("Ann", {"one": ["1"], "two": ["22"]})


def test_a_memory_that_is_refused_later_is_found_out_by_reading_too() -> None:
    assert of_pages("""
const memory = new Memory();
const answers = page(memory);
memory.isRefused = true;
return holds(answers);""") == {"id": "", "name": "", "isKept": False, "given": {}, "texts": {}}


#: Two pages that share no memory, on each something of one reader's, and a link from one to the other.
TWO = """
const [index, chapter] = [new Memory(), new Memory()];
const on = (memory) => page(memory, given.ofClass ? OF_CLASS : null);
const follow = (from, to) => { const packed = on(from).packed(); on(to).unpack(packed, given.isFile); };
let answers = on(chapter);
Object.assign(answers, { id: "Ann", name: "Ann B" });
answer(answers, "one", "1");
answers.write("why", "so");
follow(chapter, index);
const before = holds(on(index));
on(index).forget();
"""


@pytest.mark.parametrize("of_class", [True, False])
def test_what_is_forgotten_on_one_page_is_forgotten_on_the_others(of_class: bool) -> None:
    found = in_script(
        "answers.js",
        PAGES
        + TWO
        + """
follow(index, chapter);
const forgotten = holds(on(chapter));
answers = on(chapter);
Object.assign(answers, { id: "ann", name: "Ann" });
answer(answers, "two", "2");
follow(chapter, index);
follow(index, chapter);
return [before, forgotten, holds(on(index)), holds(on(chapter))];""",
        {"ofClass": of_class, "isFile": True},
    )
    before, forgotten, *after = found
    assert before == {"id": "Ann", "name": "Ann B", "isKept": True, "given": {"one": ["1"]}, "texts": {"why": "so"}}
    assert forgotten == {"id": "", "name": "", "isKept": True, "given": {}, "texts": {}}
    again = {"id": "ann", "name": "Ann", "isKept": True, "given": {"two": ["2"]}, "texts": {}}
    assert after == [again, again]


def test_what_was_forgotten_does_not_come_back_from_a_page_that_has_not_heard_of_it() -> None:
    found = in_script(
        "answers.js",
        PAGES + TWO + "follow(chapter, index); return holds(on(index));",
        {"ofClass": True, "isFile": True},
    )
    assert (found["given"], found["texts"]) == ({}, {})


def test_no_link_of_another_site_makes_a_page_forget() -> None:
    found = in_script(
        "answers.js",
        PAGES + TWO + "follow(index, chapter); return holds(on(chapter));",
        {"ofClass": True, "isFile": False},
    )
    assert (found["given"], found["texts"]) == ({"one": ["1"]}, {"why": "so"})


#: A click on a link of a page over http, before and after its memory is full.
CLICK = """
let clicked;
globalThis.location = { protocol: "https:", hash: "" };
globalThis.document = { addEventListener: (kind, call) => { if (kind === "click") clicked = call; } };
const answers = { isKept: true, packed: () => "mine" };
carrying_js.carry(answers, new Set(["shapes.html"]));
const click = () => {
  const set = [];
  const link = { getAttribute: () => "shapes.html#top", setAttribute: (_, href) => set.push(href) };
  clicked({ target: { closest: () => link } });
  return set;
};
const first = click();
answers.isKept = false;
return [first, click()];"""


def test_links_take_answers_along_as_soon_as_the_browser_keeps_no_more() -> None:
    assert in_script("carrying.js", CLICK) == [[], ["shapes.html#place=top&brought=mine"]]


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("S123", "hand-in-s123.json"),
        (" ann.b@school.example ", "hand-in-ann-b-school-example.json"),
        ("नमस्ते", "hand-in-नमस्ते.json"),
        ("Jose\u0301", "hand-in-jose\u0301.json"),
        ("../=", "hand-in.json"),
        ("", "hand-in.json"),
        ("\U00020000" * 60, "hand-in-" + "\U00020000" * 50 + ".json"),
        ("a" * 49 + " b", "hand-in-" + "a" * 49 + ".json"),
    ],
)
def test_a_file_is_named_by_the_id_without_half_a_letter(id: str, name: str) -> None:
    assert in_script("handing_in.js", "return handing_in_js.fileName(given);", id) == name
    assert len(name.encode()) <= 255
