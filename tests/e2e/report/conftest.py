"""A real browser, headless, and a flow that has been through a good deal, for the tests of the report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import Project

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FLOW = """
    [flow]
    name = "a <flow> & more"
    default = ["all", "late"]

    [tasks.raw]
    outputs = ["raw.txt"]
    run = "echo raw; printf 'a b' > {{ outputs }}"

    [tasks.slow]
    inputs = ["raw.txt", "pace.txt"]
    outputs = ["slow.txt"]
    run = "cat {{ inputs }} > {{ outputs }}; sleep $(cat pace.txt)"

    [tasks.same]
    inputs = ["pace.txt"]
    outputs = ["same.txt"]
    run = "echo same > {{ outputs }}"

    [tasks.odd]
    description = "Hostile: <script>document.title = 'owned'</script>"
    foreach = { what = ["</script><b>bold</b>", "<img src=x onerror=alert(1)>", "{{ '{{' }} 7 * 7 }}"] }
    inputs = ["same.txt"]
    run = 'printf "\\033[31m%s\\033[0m </pre><script>alert(2)</script> \\342\\200\\256 \\a\\n" {{ what }}'

    [tasks.shaky]
    inputs = ["slow.txt"]
    outputs = ["shaky.txt"]
    retries = 1
    run = 'if [ -e tried ]; then touch {{ outputs }}; else touch tried; echo not yet; exit 7; fi'

    [tasks.broken]
    inputs = ["slow.txt", "wish.txt"]
    outputs = ["broken.txt"]
    run = "echo it is broken; exit $(cat wish.txt)"

    [tasks.late]
    inputs = ["broken.txt"]
    outputs = ["late.txt"]
    run = "touch {{ outputs }}"

    [tasks.all]
    needs = ["odd", "shaky"]
"""


@dataclass(frozen=True)
class View:
    """A page in the browser."""

    driver: webdriver.Chrome

    def script(self, text: str, *args: Any) -> Any:
        return self.driver.execute_script(text, *args)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """Click where it is once the page has settled: opening the panel makes room for it."""
        self.frame()
        self.find(selector).click()

    def texts(self, selector: str) -> list[str]:
        """Of all elements at once; asking for one after the other takes long."""
        found: list[str] = self.script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
        )
        return found

    def until(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, 20).until(lambda _: condition())

    def press(self, *keys: str) -> None:
        """Type at whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def search(self, text: str) -> None:
        field = self.find("#search")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)
        self.frame()

    def frame(self) -> None:
        """Until what was asked for has been drawn."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    @property
    def focused(self) -> str:
        """The label or text of what has the focus."""
        name = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        return str(self.script(f"return {name}"))


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.fail("the report is tested in Chromium: `apt install chromium chromium-driver`")
    options = Options()
    options.binary_location = programs[0] or ""
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(programs[1]))
    yield started
    started.quit()


@pytest.fixture
def look(driver: webdriver.Chrome) -> Iterator[Callable[..., View]]:
    """`look(path)` opens a page; at the end of the test nothing must have been said on the browser's console."""

    def opened(path: Path, *, width: int = 1400, height: int = 1000, dark: bool = False, link: str = "") -> View:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get("about:blank")
        driver.get(path.as_uri() + link)
        view = View(driver)
        view.frame()
        return view

    driver.get_log("browser")
    yield opened
    assert driver.get_log("browser") == []


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The flow after a run in which one task fails and one needs two attempts, and a second one where some changed.

    It is made once; tests only look at it.
    """
    folder = tmp_path_factory.mktemp("story")
    (folder / "project").mkdir()
    (folder / "home").mkdir()
    project = Project(folder / "project", folder / "home")
    project.flowfile(FLOW)
    project.write("pace.txt", "0")
    project.write("wish.txt", "3")
    assert project.run("run", "-q", "-k").code == 1
    project.write("pace.txt", "1")
    assert project.run("run", "-q", "-k").code == 1
    return project


@pytest.fixture(scope="session")
def report(story: Project) -> Path:
    """Its report."""
    done = story.run("report")
    assert (done.code, done.stdout) == (0, "")
    return story.root / "report.html"
