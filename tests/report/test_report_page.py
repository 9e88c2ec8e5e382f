"""The page as text: what it may load and run, what names can do to it, and what a screen reader gets."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report_variants import VARIANTS
from synthetic_folder import HOSTILE

from landscape.report.escape import one_line

VOID = {"meta", "img", "input", "br", "path", "circle", "rect"}


class Outline(HTMLParser):
    """Elements with their attributes, text by element, and whether every element was closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts, self.balanced = [], [], [], True
        self.feed(html)
        self.balanced = self.balanced and not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(written):
    done = {}

    def outline(name):
        if name not in done:
            folder, _ = written(name)
            html = (folder / "report.html").read_text(encoding="utf-8")
            done[name] = html, Outline(html)
        return done[name]

    return outline


@pytest.mark.parametrize("name", VARIANTS)
def test_the_page_is_well_formed_and_loads_nothing(name, page):
    html, outline = page(name)
    assert outline.balanced
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for attrs in outline.named("a")} <= set(ids)
    assert all(attrs["href"].startswith("#") for attrs in outline.named("a"))
    assert all(attrs["src"].startswith("data:image/png;base64,") for attrs in outline.named("img"))
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in outline.elements}
    assert not [key for _, attrs in outline.elements for key in attrs if key.startswith("on")]
    assert "<script src" not in html


def code(outline):
    """The two scripts that run: the one that comes packed, and the one that unpacks it."""
    packed, script = [text for tag, text in outline.texts if tag == "script" and not text.startswith("{")]
    return gzip.decompress(base64.b64decode(packed)).decode(), script


@pytest.mark.parametrize("name", VARIANTS)
def test_only_our_two_scripts_may_run(name, page):
    _, outline = page(name)
    policy = outline.named("meta")[1]["content"]
    assert code(outline)[0].count("plotly.js v") == 1
    for text in code(outline):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src ('sha256-[^']+' ?){2};", policy)
    assert "http" not in policy


@pytest.mark.parametrize("name", VARIANTS)
def test_every_plot_has_data_and_words(name, page):
    _, outline = page(name)
    charts = json.loads(next(text for tag, text in outline.texts if tag == "script" and text.startswith("{")))
    divs = [attrs for attrs in outline.named("div") if "plot" in attrs.get("class", "").split()]
    assert {attrs["id"] for attrs in divs} == set(charts)
    assert all(len(attrs["aria-label"]) > 20 and attrs["role"] == "img" for attrs in divs)
    assert all(chart["traces"] for chart in charts.values())
    assert all(attrs["alt"] for attrs in outline.named("img"))
    cells = outline.named("th")
    assert all(attrs.get("scope") in {"col", "row"} for attrs in cells)


def test_the_verdict_comes_first(page):
    html, outline = page("demo")
    order = [
        "Adam&#x27;s minima are sharper",
        'id="sharpness"',
        'id="gap"',
        'id="training"',
        'id="slices"',
        'id="settings"',
        'id="blind-spots"',
        'id="small-print"',
    ]
    places = [html.index(part) for part in order]
    assert places == sorted(places)
    assert outline.named("html")[0]["lang"] == "en"


def test_hostile_names_stay_text(page):
    html, outline = page("hostile")
    text = "".join(data for tag, data in outline.texts if tag not in {"script", "style"})
    assert one_line(HOSTILE) in text
    assert "alert" not in "".join(str(attrs) for tag, attrs in outline.elements if tag != "div" and tag != "img")
    assert "\x1b" not in html
    charts = next(data for tag, data in outline.texts if tag == "script" and data.startswith("{"))
    assert "<" not in charts
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', charts)
    decoded = [json.loads(string) for string in strings]
    assert not [string for string in decoded if re.search(r"<(?!br>)", string) or "$" in string]


def test_surfaces_share_one_scale_and_are_the_right_way_round(written, page):
    folder, _ = written("demo")
    _, outline = page("demo")
    charts = json.loads(next(text for tag, text in outline.texts if tag == "script" and text.startswith("{")))
    surfaces = {key: chart for key, chart in charts.items() if key.startswith("surface-")}
    assert set(surfaces) == {"surface-train-0", "surface-train-1", "surface-test-0", "surface-test-1"}
    ranges = {
        (*chart["layout"]["scene"]["zaxis"]["range"], chart["traces"][0]["cmin"], chart["traces"][0]["cmax"])
        for chart in surfaces.values()
    }
    assert len(ranges) == 1
    low, high, cmin, cmax = ranges.pop()
    assert (low, high) == (cmin, cmax)
    stored = np.load(folder / "runs/run0/surfaces/plane.npz")["train_loss"]
    z = surfaces["surface-train-0"]["traces"][0]["z"]
    heights = np.frombuffer(base64.b64decode(z["bdata"]), dtype="<f4").reshape(31, 31)
    # plotly has rows along y: the value at a[3], b[10] is in row 10, column 3
    assert 10 ** heights[10, 3] == pytest.approx(stored[3, 10], rel=1e-5)
    assert surfaces["surface-train-0"]["traces"][0]["text"][10][3].endswith(f"train loss {stored[3, 10]:.3g}")


def test_hover_names_the_run(written, page):
    folder, _ = written("demo")
    run = json.loads((folder / "report.json").read_text())["runs"][5]
    _, outline = page("demo")
    charts = json.loads(next(text for tag, text in outline.texts if tag == "script" and text.startswith("{")))
    texts = [text for trace in charts["gap-matched-0-gap_loss"]["traces"] for text in trace["text"]]
    (mine,) = [text for text in texts if text.startswith(f"{run['id']}<br>")]
    assert f"lr {run['lr']:g}, seed {run['seed']}" in mine
    assert "±" in mine


def test_more_surfaces_than_a_browser_can_draw_are_said(page):
    html, _ = page("four_optimizers")
    assert "surface-train-3" in html
    assert "surface-train-4" not in html
