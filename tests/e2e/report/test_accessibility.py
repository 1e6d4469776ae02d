"""The report as axe sees it: what a program can try of the guidelines for pages that everybody can use (WCAG)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.report.conftest import View
from tests.npm import package

pytestmark = pytest.mark.npm

RUN = """
    const [done] = arguments;
    axe.run(document).then(
        (found) => done({
            passes: found.passes.length,
            violations: found.violations.flatMap((rule) =>
                rule.nodes.map((node) => `${rule.id}: ${node.html}: ${node.failureSummary}`)),
        }),
        (error) => done({ violations: [String(error)], passes: 0 }),
    );
"""


@pytest.fixture
def violations() -> Callable[[View], list[str]]:
    source = (package("axe-core") / "axe.min.js").read_text()

    def checked(view: View) -> list[str]:
        view.script(source)
        found = view.driver.execute_async_script(RUN)
        assert found["passes"] > 20, found
        told: list[str] = found["violations"]
        return told

    return checked


@pytest.mark.parametrize("link", ["", "#task=broken", "#task=odd"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 360])
def test_nobody_is_shut_out(
    report: Path,
    look: Callable[..., View],
    violations: Callable[[View], list[str]],
    width: int,
    dark: bool,
    link: str,
) -> None:
    view = look(report, width=width, dark=dark, link=link)
    assert violations(view) == []


def test_every_instance_and_a_search_without_result(
    report: Path, look: Callable[..., View], violations: Callable[[View], list[str]]
) -> None:
    view = look(report)
    view.click("#detail")
    view.search("nothing is called that")
    assert violations(view) == []


def test_what_shuts_somebody_out_is_found(
    report: Path, look: Callable[..., View], violations: Callable[[View], list[str]]
) -> None:
    view = look(report)
    view.script("document.querySelector('#found').textContent = 'pale'")
    view.script("document.querySelector('#found').style.color = '#ddd'")
    view.script("document.querySelector('#theme').textContent = document.querySelector('#theme').title = ''")
    assert sorted(told.split(":")[0] for told in violations(view)) == ["button-name", "color-contrast"]
