"""The report in a real browser: read, clicked, searched, sorted, by mouse, finger and keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

ODD = "odd@%3C%2Fscript%3E%3Cb%3Ebold%3C%2Fb%3E"


def test_it_tells_the_run_at_a_glance(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.find("h1").text == "a <flow> & more failed"
    assert (
        dict(zip(view.texts(".tiles dt"), view.texts(".tiles dd"), strict=True)).items()
        >= {
            "succeeded": "3",
            "failed": "1",
            "skipped": "1",
            "fresh": "4",
        }.items()
    )
    assert view.find("#failures h3 button").text == "broken"
    assert view.find("#failures pre").text == "it is broken"
    assert view.find("#failures h3").text.startswith("✗ broken exit code 3 after")


def test_what_others_wrote_stays_text(report: Path, look: Callable[..., Any]) -> None:
    view = look(report, link=f"#task={quote(ODD)}")
    assert view.find("#details h2").text == ODD
    assert view.find("#log").text == "</script><b>bold</b> </pre><script>alert(2)</script> \\u202e \\x07"
    assert view.driver.title == "a <flow> & more: failed, run " + view.find(".facts code").text
    assert "<script>document.title = 'owned'</script>" in view.find("#details p.muted").text
    assert view.all("main b, main img, #details b, #details img, pre script") == []


def test_only_its_own_script_may_run(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    view.script(
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s)"
    )
    said = view.until(lambda: view.driver.get_log("browser"))
    assert "Content Security Policy" in said[0]["message"]
    assert view.script("return window.owned") is None


def test_it_needs_no_network(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.script("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []
    assert "http" not in report.read_text().replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_a_click_on_the_graph_shows_the_task(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    view.click('[data-box][aria-label^="broken:"]')
    panel = view.find("#details")
    assert panel.find_element("css selector", "h2").text == "broken"
    headings = ["Why it ran", "Command", "Log", "Inputs", "How long it took", "Comes after", "Comes before"]
    assert view.texts("#details h3") == headings
    assert view.texts("#details .reason")[0] == "the last run failed"
    assert "echo it is broken; exit $(cat wish.txt)" in view.texts("#details pre")
    assert view.texts("#details li button") == ["slow", "late"]
    assert len(view.all("#details .history rect")) == 2
    paths = view.texts("#details li code")
    assert paths[0::2] == ["slow.txt", "wish.txt"]
    assert all(len(digest) == 32 for digest in paths[1::2])
    view.click("#details li button")
    assert view.find("#details h2").text == "slow"
    assert view.script("return location.hash") == "#task=slow"
    assert len(view.all(".node.selected")) == len(view.all("#table tr.selected")) == 1
    view.click("#details .bar button")
    assert not panel.is_displayed()
    assert view.script("return location.hash") == ""


def test_fan_outs_come_collapsed_and_in_full(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.find("#detail").get_attribute("aria-pressed") == "true"
    assert len(view.all(".node")) == 11
    view.click("#detail")
    view.frame()
    assert view.find("#detail").get_attribute("aria-pressed") == "false"
    assert len(view.all(".node")) == 8
    view.click('[aria-label="odd: 3 fresh"]')
    assert len(view.all("#details li button")) == 3
    view.click('[data-box][aria-label="all: a name for what it needs"]')
    assert view.find("#details p").text == "A name for what it needs."


def test_a_link_to_a_name_for_several_opens_these(report: Path, look: Callable[..., Any]) -> None:
    view = look(report, link="#task=odd")
    assert view.find("#details h2").text == "odd"
    assert view.find("#detail").get_attribute("aria-pressed") == "false"
    assert len(view.all("#details li button")) == 3
    view.script("location.hash = '#task=slow'")
    view.until(lambda: view.find("#details h2").text == "slow")
    view.click('[aria-label="odd: 3 fresh"]')
    assert view.script("return location.hash") == "#task=odd"


def test_a_link_to_what_is_not_there_opens_nothing(report: Path, look: Callable[..., Any]) -> None:
    for link in ("#task=gone", "#task=%E0%A4", "#", "#other"):
        assert not look(report, link=link).find("#details").is_displayed()


def test_the_timeline_has_a_bar_for_each_attempt(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    labels = view.script("return [...document.querySelectorAll('[data-span]')].map((e) => e.ariaLabel)")
    assert sorted(label.split(":")[0].split(", ")[-1] for label in labels) == ["broken", "same", "shaky", "slow"]
    assert [
        label
        for label in labels
        if re.match(r"slow: succeeded, \d\.\ds from [\d.]+m?s on, on the critical path", label)
    ]
    assert len(view.all(".spans .critical")) == 2
    view.click('[data-span][aria-label^="slow"]')
    assert view.find("#details h2").text == "slow"
    before = view.find("svg.lanes").size["width"]
    view.click("#time-in")
    assert view.find("svg.lanes").size["width"] == pytest.approx(2 * before, rel=0.3)


def test_an_attempt_that_was_repeated_is_there_twice(story: Any, look: Callable[..., Any]) -> None:
    first = story.run("history").stdout.splitlines()[2].split()[0]
    assert story.run("report", "--run", first, "-o", "first.html").code == 0
    view = look(story.root / "first.html")
    labels = view.script("return [...document.querySelectorAll('[data-span]')].map((e) => e.ariaLabel)")
    # Where a bar has room for the beginning of the name only, what is shown of it comes first.
    told = [found[0] for label in labels if (found := re.search(r"shaky: \w+", label))]
    assert told == ["shaky: failed", "shaky: succeeded"]
    assert view.all("#compared") == []


def test_search_narrows_everything(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    everything = len(view.all("#table tbody tr"))
    assert everything == 9
    view.search("SLOW.txt")
    assert view.texts("#table td button") == ["broken", "slow", "shaky"]
    assert view.find("#found").text == "3 of 9 tasks"
    assert len(view.all(".node.dim")) == 6
    view.search("slow.txt wish")
    assert view.texts("#table td button") == ["broken"]
    view.find("#search").send_keys(Keys.ENTER)
    assert view.find("#details h2").text == "broken"
    view.search("no such thing")
    assert (view.texts("#table td button"), view.find("#found").text) == ([], "0 of 9 tasks")
    view.search("")
    assert (len(view.all("#table tbody tr")), view.find("#found").text) == (everything, "")


def test_only_tasks_of_a_status(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.texts("#chips button") == ["✗ failed 1", "⊘ skipped 1", "✓ succeeded 3", "= fresh 4"]
    view.click("#chips button")
    assert view.texts("#table td button") == ["broken"]
    view.click("#chips button")
    assert len(view.all("#table tbody tr")) == 9


def test_columns_sort_both_ways(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.find("#table th[aria-sort=ascending]").text.startswith("Status")
    assert view.texts("#table td button")[:2] == ["broken", "late"]
    heads = {head.text: head for head in view.all("thead button") if head.text}
    heads["Task"].click()
    names = view.texts("#table td button")
    assert names == sorted(names, key=str.lower)
    assert view.find("#table th[aria-sort=ascending]").text.startswith("Task")
    heads["Task"].click()
    assert view.texts("#table td button") == names[::-1]
    heads["Took"].click()
    heads["Took"].click()
    assert view.texts("#table td button")[0] == "slow"
    assert view.find("#table th[aria-sort=descending]").text.startswith("Took")
    heads["Status"].click()
    heads["Status"].click()
    assert view.texts("#table td button")[-1] == "broken"


def test_the_keyboard_is_enough(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    view.press("/")
    assert view.script("return document.activeElement.id") == "search"
    view.script("document.querySelector('.node[tabindex=\"0\"]').focus()")
    assert len(view.all('.node[tabindex="0"]')) == 1
    start = view.focused
    view.press(Keys.ARROW_RIGHT)
    assert view.focused != start
    view.press(Keys.ARROW_LEFT)
    assert view.focused == start
    name = start.split(":")[0]
    view.press(Keys.ENTER)
    assert view.find("#details h2").text == name
    view.press(Keys.ESCAPE)
    assert not view.find("#details").is_displayed()
    assert view.focused == start
    view.script("document.querySelector('#table td button').focus()")
    assert view.focused == "broken"
    view.press(Keys.ARROW_DOWN)
    assert view.focused == "late"
    view.press(Keys.ARROW_UP)
    view.press(Keys.ARROW_UP)
    assert view.focused == "broken"
    view.press(Keys.ENTER)
    assert view.find("#details h2").text == "broken"
    view.press(Keys.ESCAPE)
    assert view.script("return document.activeElement === document.querySelector('#table td button')")
    view.script("document.querySelector('[data-span][tabindex=\"0\"]').focus()")
    view.press(Keys.HOME)
    first = view.focused
    view.press(Keys.ARROW_RIGHT)
    assert view.focused != first
    view.press(" ")
    assert (
        view.find("#details h2").text
        == view.script("return document.querySelector('.spans .selected').ariaLabel").split(":")[0]
    )


def test_all_there_is_to_press_is_reached_by_tab_and_shows_it(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    seen = []
    for _ in range(40):
        view.press(Keys.TAB)
        seen.append(view.focused)
        style = view.script(
            "const e = document.activeElement.querySelector('rect.front, rect') ?? document.activeElement;"
            "const s = getComputedStyle(e); return [s.outlineStyle, s.strokeWidth]"
        )
        assert style[0] != "none" or float(style[1].removesuffix("px")) >= 2, seen[-1]
        if seen[-1] == "late":
            break
    bar = next(index for index, name in enumerate(seen) if ": succeeded, " in name)
    seen[bar] = "a bar"
    top = ["Skip to the tasks", "", "Theme: auto", "broken", "it is broken"]
    graph = ["Every instance", "Zoom out", "Zoom in", "Fit", "raw: fresh"]
    timeline = ["Zoom out of the timeline", "Zoom into the timeline", "Fit", "a bar"]
    chips = ["✗ failed 1", "⊘ skipped 1", "✓ succeeded 3", "= fresh 4"]
    heads = ["Status", "Task", "Took", "Before", "Started", "Now", "Why"]
    assert seen == [*top, *graph, *timeline, *chips, *heads, "broken", "late"]


def test_the_mouse_moves_and_zooms_the_graph(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    where = "return document.querySelector('#drawing > g').getAttribute('transform')"
    before = view.script(where)
    drawing = view.find("#drawing")
    ActionChains(view.driver).move_to_element_with_offset(
        drawing, 20 - drawing.size["width"] // 2, 0
    ).click_and_hold().move_by_offset(60, -40).release().perform()
    view.frame()
    moved = view.script(where)
    assert moved != before
    assert not view.find("#details").is_displayed()
    view.click("#graph-in")
    view.frame()
    assert view.script(where).split("scale")[1] != moved.split("scale")[1]
    view.click("#graph-fit")
    view.frame()
    assert view.script(where) == before


def test_a_tip_tells_what_is_under_the_mouse(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    ActionChains(view.driver).move_to_element(view.find('[data-box][aria-label^="slow:"]')).perform()
    assert view.find("#tip").text.startswith("slow: succeeded, ")


def test_compared_with_before(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.texts(".changes caption")[0] == "Slower"
    assert view.texts(".changes tbody th")[0] == "slow"
    assert (
        "Came out as before, so that nothing had to run because of them: same, shaky. 3 tasks"
        in view.find("#compared").text
    )


def test_the_command_that_tells_more_of_the_difference_works(
    story: Any, report: Path, look: Callable[..., Any]
) -> None:
    program, *args = look(report).find("#compared .command").text.split()
    assert program == "flowmake"
    done = story.run(*args)
    assert done.code == 0
    assert "input changed: pace.txt" in done.stdout


def test_light_dark_and_as_one_likes(report: Path, look: Callable[..., Any]) -> None:
    page = "return getComputedStyle(document.documentElement).backgroundColor"
    light = look(report).script(page)
    view = look(report, dark=True)
    dark = view.script(page)
    assert sum(_rgb(light)) > 600 > 200 > sum(_rgb(dark))
    view.click("#theme")
    assert (view.find("#theme").text, view.script(page)) == ("Theme: light", light)
    view.click("#theme")
    assert (view.find("#theme").text, view.script(page)) == ("Theme: dark", dark)


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_on_what_is_behind_it(report: Path, look: Callable[..., Any], dark: bool) -> None:
    view = look(report, dark=dark)
    pairs = view.script(
        """
        const probe = document.createElement('i');
        document.body.append(probe);
        const colour = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };
        const kinds = ['good', 'bad', 'warn', 'busy', 'calm'];
        return [['--text', '--page'], ['--text', '--card'], ['--muted', '--card'], ['--muted', '--page'],
                ['--accent', '--card'], ...kinds.map((k) => [`--${k}`, `--${k}-fill`]),
                ...kinds.map((k) => [`--${k}`, '--card']), ...kinds.map((k) => ['--text', `--${k}-fill`])]
          .map((pair) => [pair.join(' on '), ...pair.map(colour)]);
        """
    )
    assert [name for name, ink, paper in pairs if _contrast(_rgb(ink), _rgb(paper)) < 4.5] == []


def test_on_a_phone(report: Path, look: Callable[..., Any]) -> None:
    view = look(report, width=360, height=740)
    assert view.script("return document.documentElement.scrollWidth") == 360
    assert view.find("#detail").get_attribute("aria-pressed") == "false"
    assert [head.text for head in view.all("thead th") if head.is_displayed() and head.text][:3] == [
        "Status",
        "Task",
        "Took",
    ]
    view.click("#table td button")
    assert view.find("#details").size["width"] == 360
    assert view.script("const d = document.querySelector('#details'); return d.scrollWidth - d.clientWidth") == 0
    small = view.script(
        "return [...document.querySelectorAll('header button, .buttons button, #details .bar button')]"
        ".filter((b) => b.offsetParent && b.offsetHeight < 30).map((b) => b.textContent)"
    )
    assert small == []


def test_two_fingers_zoom_the_graph_and_not_the_page(report: Path, look: Callable[..., Any]) -> None:
    view = look(report, width=390, height=844)
    place = view.script(
        "const r = document.querySelector('#drawing').getBoundingClientRect();"
        "return {x: Math.round(r.x + r.width / 2), y: Math.round(r.y + 60)}"
    )
    scale = (
        "return Number(document.querySelector('#drawing > g').getAttribute('transform').match(/scale\\((.*)\\)/)[1])"
    )
    before = view.script(scale)
    pinch = {**place, "gestureSourceType": "touch", "scaleFactor": 2}
    view.driver.execute_cdp_cmd("Input.synthesizePinchGesture", pinch)
    assert view.script(scale) > before
    assert view.script("return visualViewport.scale") == 1


def test_everything_has_a_name_and_a_place_in_the_page(report: Path, look: Callable[..., Any]) -> None:
    view = look(report)
    assert view.script("return document.documentElement.lang") == "en"
    assert view.script("return [...document.querySelectorAll('h1, h2')].map((h) => h.tagName)")[0] == "H1"
    nameless = view.script(
        "return [...document.querySelectorAll('button, input, [role=button], svg[role], section')]"
        ".filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
    assert (
        view.script(
            "const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);return ids.length - new Set(ids).size"
        )
        == 0
    )


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(",")[:3])


def _contrast(ink: tuple[int, ...], paper: tuple[int, ...]) -> float:
    """The contrast ratio of WCAG 2."""
    lights = sorted((_luminance(ink), _luminance(paper)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: tuple[int, ...]) -> float:
    parts = [value / 255 for value in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
