"""The pages of Airflow's user interface, opened and clicked as an operator does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from urllib.parse import quote

import httpx

from dev.guide.browser import HEIGHT, WIDTH, Browser
from dev.stack.airflow import ADMIN, REPOSITORY, Airflow

# What a person who works here every day has set: Bangkok's time, room beside the runs, a large manual.
_REMEMBERED = {
    "timezone": "Asia/Bangkok",
    "i18nextLng": "en",
    "theme": "light",
    "react-resizable-panels:grid-ltr": json.dumps(
        {"details-panel,main-panel": {"expandToSizes": {}, "layout": [26, 74]}}
    ),
    "airflow-markdown-dialog-size": json.dumps({"height": 700, "width": 1000}),
}
# What can be scrolled sideways beside the details is the Grid.
_SCROLL_TO_THE_NEWEST_RUN = """
[...document.querySelectorAll('div')]
  .filter((e) => getComputedStyle(e).overflowX === 'auto' && e.getBoundingClientRect().right < innerWidth * 0.35)
  .forEach((e) => { e.scrollLeft = e.scrollWidth; })
"""
# Replaces a text on the whole page.
_SHORTEN = """
(path) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(path, '…');
}
"""


class AirflowPages:
    """One person at one Airflow; each ``show_…`` opens a page and returns when it shows what it is opened for."""

    def __init__(self, browser: Browser, airflow: Airflow, pictures: Path) -> None:
        self._browser = browser
        self._url = airflow.url
        self._pictures = pictures
        answer = httpx.post(
            f"{airflow.url}/auth/token",
            json={"username": ADMIN, "password": airflow.password},
            trust_env=False,
            timeout=60,
        )
        browser.keep(airflow.url, cookies={"_token": answer.json()["access_token"]}, storage=_REMEMBERED)

    def take_picture(self, name: str, *, width: int = WIDTH, height: int = HEIGHT) -> None:
        """Take the picture ``name``: newest runs in view, tracebacks folded, ``…`` for the place of the repository."""
        self._browser.evaluate("document.querySelectorAll('details[open]').forEach((one) => { one.open = false; })")
        self._browser.evaluate(_SCROLL_TO_THE_NEWEST_RUN)
        self._browser.evaluate(f"({_SHORTEN})({json.dumps(str(REPOSITORY))})")
        self._browser.take_picture(self._pictures / f"{name}.png", width=width, height=height, hidden=str(REPOSITORY))

    def show_import_error(self, file: str, text: str) -> None:
        """Open the list of DAGs, by its red badge what cannot be read, and there a file; wait for a text."""
        self._open("/dags", "Dag Runs")
        self._browser.click("", "button[aria-label^='Dag Import Error']")
        self._browser.click(file, "[role=dialog] button")
        self._browser.wait_for(text, "[role=dialog]")

    def show_dag(self, dag_id: str, tab: str = "") -> None:
        """Open a DAG's own page, or a tab of it: ``runs``."""
        self._open(f"/dags/{dag_id}{f'/{tab}' if tab else ''}", "Next Run")

    def show_manual(self, dag_id: str, text: str) -> None:
        """Open the documentation of a DAG, by the button with the book."""
        self.show_dag(dag_id)
        self._browser.click("Dag Docs", "button")
        self._browser.wait_for(text, "[role=dialog]")

    def show_branches(self, dag_id: str, run_id: str, task_id: str, text: str) -> None:
        """Open the list of a mapped task."""
        self._open(f"{_path(dag_id, run_id)}/tasks/{task_id}/mapped", text)

    def show_log(self, dag_id: str, run_id: str, task_id: str, text: str, map_index: int = -1) -> None:
        """Open the log of a task's last try."""
        mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
        self._open(f"{_path(dag_id, run_id)}/tasks/{task_id}{mapped}", text)

    def wrap_log(self) -> None:
        """Have long lines of the log broken."""
        self._choose_log_setting("Wrap")

    def unwrap_log(self) -> None:
        """Have them whole again, here and on the pages to come: the browser remembers it."""
        self._choose_log_setting("Unwrap")

    def widen_log(self) -> None:
        """Give the log the whole window, without its times."""
        self._choose_log_setting("Hide Timestamps")
        self._browser.click("for fullscreen", "button")

    def show_form(self, dag_id: str) -> None:
        """Open the trigger dialog."""
        self.show_dag(dag_id)
        self._browser.click("Trigger", "button", is_exact=True)
        self._browser.wait_for("Single Run", "[role=dialog]")
        self._browser.wait_for("Branches", "[role=dialog]")

    def fill_month(self, text: str) -> None:
        """Write into the field *Month*."""
        self._browser.fill("#element_ym", text)

    def open_branch_picker(self) -> None:
        """Unfold the list of branches."""
        self._browser.click("Select one or multiple values", "[role=dialog] div")
        self._browser.wait_for("1060", "[role=option]")

    def pick_branch(self, code: str) -> None:
        """Pick a branch of the unfolded list."""
        self._browser.click(code, "[role=dialog] [role=option]")

    def unfold_picked(self, code: str) -> None:
        """Unfold the list again, where a branch is picked already."""
        self._browser.click(code, "[role=dialog] div")
        self._browser.wait_for("1060", "[role=option]")

    def close_branch_picker(self) -> None:
        """Fold the list of branches."""
        self._browser.click("Trigger Dag", "[role=dialog] *")

    def choose_backfill(self, first: date, last: date, runs: int) -> None:
        """Turn the dialog to *Backfill*, give it its days, and wait for it to say how many runs that is."""
        self._browser.click("Run this Dag for a range", "label")
        for day in (first, last):
            self._browser.click("Select date and time", "[role=dialog] *")
            self._browser.fill("input[placeholder='YYYY/MM/DD']", f"{day:%Y/%m/%d}")
            self._browser.press("Enter")
            self._browser.click("Date Range", "[role=dialog] *")
        self._browser.wait_for(f"{runs} runs will be triggered", "[role=dialog]")

    def confirm(self, button: str) -> None:
        """Press the button that ends a dialog."""
        self._browser.click(button, "[role=dialog] button", is_exact=True)

    def show_clear_dialog(self) -> None:
        """Ask, on a task's page, to run it again."""
        self._browser.click("to clear", "button")
        self._browser.wait_for("Affected Tasks: 3", "[role=dialog]")

    def show_clear_dialog_of(self, names: Sequence[str]) -> None:
        """Ask, on the list of a mapped task, to run some of it again."""
        for name in names:
            self._browser.tick(name)
        self._browser.click("Clear Task Instances", "button", is_exact=True)
        self._browser.wait_for(f"Affected Tasks: {len(names) + 2}", "[role=dialog]")

    def _choose_log_setting(self, name: str) -> None:
        self._browser.click("Log Settings", "button")
        self._browser.click(name, "[role=menuitem]")

    def _open(self, path: str, text: str) -> None:
        self._browser.open(f"{self._url}{path}")
        self._browser.wait_for(text)


def _path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/runs/{quote(run_id, safe='')}"
