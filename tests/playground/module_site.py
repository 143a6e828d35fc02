"""The page's modules in a browser, each as a file of its own, as they lie in the package."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

SITE = "http://modules.test"


@contextmanager
def module_site(browser: Any) -> Generator[Callable[..., Any]]:
    """Call with the body of a function of `given` and what it is given; `module(name)` is a module of `web/`.

    Over http, where crypto.subtle is missing, as the page must do without it.
    """
    page = browser.new_page()
    with as_file(files("cnnlab")) as package:

        def serve(route: Any, request: Any) -> None:
            path = package / request.url.removeprefix(f"{SITE}/")
            if path.suffix == ".js":
                route.fulfill(body=path.read_text(encoding="utf-8"), content_type="text/javascript")
            else:
                route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")

        page.route(f"{SITE}/**", serve)
        page.goto(f"{SITE}/page")

        def call(body: str, given: Any = None) -> Any:
            load = f"const module = (name) => import(`{SITE}/playground/web/${{name}}`);"
            return page.evaluate(f"async (given) => {{ {load} {body} }}", given)

        yield call
    page.close()
