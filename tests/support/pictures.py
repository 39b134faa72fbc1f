"""Take the pictures of the docs from a report and from a running MLflow UI; needs Chromium."""

from __future__ import annotations

import argparse
import base64
import io
import json
import tempfile
from pathlib import Path

from PIL import Image

from tests.pipelines.bi.html.browser import browser
from tests.support.pages import ROOT

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 300_000

LATEST = """fetch('/ajax-api/2.0/mlflow/runs/search', {
    method: 'POST', headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({experiment_ids: ['%s'], max_results: 1, order_by: ['attributes.start_time DESC']})
}).then(answer => answer.json()).then(found => found.runs[0].info.run_id)"""

NO_FOLDERS = """
[...document.querySelectorAll('*')].filter(one => one.children.length === 0 && /^(Path:|file:)/.test(one.textContent))
    .forEach(one => one.parentElement.style.visibility = 'hidden');
[...document.querySelectorAll('*')].filter(one => getComputedStyle(one).position === 'fixed')
    .forEach(one => one.style.visibility = 'hidden');
"""
"""Takes the machine's folders out of the picture, and what floats over the page."""

AS_FOR_MODELS = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
}
"""What the MLflow UI remembers of someone who has chosen its pages for models, and closed what is beside them."""


def screen(tab, width, height, scale=1):
    tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
    tab.send("Emulation.setScrollbarsHidden", hidden=True)


def take(tab, name, left, width, height):
    """Saves a part of the page, from its top, with few colours."""
    clip = {"x": left, "y": 0, "width": width, "height": height, "scale": 1}
    taken = tab.send("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
    file = FOLDER / name
    Image.open(io.BytesIO(base64.b64decode(taken))).convert("RGB").quantize(96).save(file, optimize=True)
    size = file.stat().st_size
    assert size < MOST_BYTES, f"{name} has {size:,} bytes"
    print(f"{file.relative_to(ROOT)}: {size:,} bytes")


def of_the_report(tab, file):
    end = "Math.round(document.querySelector('%s').getBoundingClientRect().bottom + scrollY)"
    for name, width, scale, last in (("report.png", 1280, 1, "#overview"), ("report_phone.png", 390, 2, "article")):
        screen(tab, width, 900, scale)
        tab.open(file.absolute().as_uri())
        take(tab, name, 0, width, tab.value(end % last) + 16)


def of_mlflow(tab, address):
    screen(tab, 1380, 760)
    tab.open(address)
    for name, value in AS_FOR_MODELS.items():
        tab.value(f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})")
    [experiment] = tab.value("""fetch('/ajax-api/2.0/mlflow/experiments/search?max_results=99')
        .then(answer => answer.json()).then(found => found.experiments
        .filter(one => one.name === 'purchase_in_session').map(one => one.experiment_id))""")
    run = tab.value(LATEST % experiment)
    tab.open("about:blank")
    tab.open(f"{address}/#/experiments/{experiment}/runs/{run}/artifacts/rules.txt")
    tab.wait_for("/% buy/.test(document.body.innerText)")
    tab.value(NO_FOLDERS)
    # Without the menu at the left, and down to the end of a line.
    left = tab.value("Math.round(document.querySelector('main').getBoundingClientRect().left)") + 4
    take(tab, "mlflow.png", left, 1380 - left, 713)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="The file that `clickstream report --out` made.")
    parser.add_argument("mlflow", help="The address that `clickstream serve mlflow` names.")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile, browser(profile) as page:
        of_the_report(page, told.report)
        of_mlflow(page, told.mlflow.rstrip("/"))
