"""The page of a surface in a real browser: both surfaces turn together, the slider follows the training."""

import numpy as np
import pytest
from browser_visit import Visit, running_browser

from landscape.report.surface.grids import Grids
from landscape.report.surface.page import surface_page

pytestmark = pytest.mark.browser

WALKED = """['surface-train', 'surface-test'].map(id => {
    const trace = document.getElementById(id).data.find(each => each.name === 'walked');
    return [trace.x, trace.y, trace.z.length, trace.text];
})"""
EYES = """Array.from(document.querySelectorAll('.surface')).map(
    div => div._fullLayout.scene._scene.getCamera().eye.x.toFixed(3))"""


def grids():
    a, b = np.linspace(-1, 1, 7), np.linspace(-0.5, 0.5, 5)
    losses = 0.1 + a[:, None] ** 2 + 2 * b[None] ** 2
    way = [[1.0, 0.5], [0.3, 0.1], [0.0, 0.0]]
    axis = {"how": "principal component", "norm": 1.0, "low": -1.0, "high": 1.0, "points": 7, "eigenvalue": None}
    curvature = {"direction": "component", "hessian": 2.0, "small": 2.0, "grid": 2.0, "disagreement": 0.0}
    result = {
        "name": "net", "origin": "a test", "dimensions": 2, "parameters": 9, "dtype": "float32", "device": "cpu",
        "examples": {"train": 5, "test": 4}, "populations": {}, "batch_norm": None, "notes": [], "paired_error": None,
        "axes": [axis | {"key": "a", "name": "component 1"}, axis | {"key": "b", "name": "component 2"}],
        "curvature": [curvature, curvature],
        "filled": {"computed": 35, "points": 35, "reason": "all"},
        "lowest": {"at_center": True, "loss": 0.1, "center": 0.1},
        "marks": [{"name": "end", "coordinates": [0.0, 0.0], "train_loss": 0.1, "test_loss": 0.2}],
        "trajectory": way,
        "about": {"checkpoints": ["step 0", "<b>step 5</b>", "step 9"], "explained": [0.9, 0.1],
                  "null_explained": [0.6, 0.2], "distances": [0.1, 0.1, 0.0]},
        "paths": [], "widths": [], "quantities": None, "settings": {}, "asked": {}, "environment": {},
    }  # fmt: skip
    return Grids(result, {"a": a, "b": b, "train_loss": losses, "test_loss": 2 * losses, "status": np.ones((7, 5))})


def test_surfaces_turn_together_and_follow_the_slider(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(surface_page(grids(), []), encoding="utf-8")
    with running_browser() as browser:
        visit = Visit(browser, path)
        assert [each[2] for each in visit.page.evaluate(WALKED)] == [3, 3]
        slider = visit.page.locator("input[type=range]")
        slider.fill("1")
        for x, y, count, text in visit.page.evaluate(WALKED):
            assert (x, y, count) == ([1.0, 0.3], [0.5, 0.1], 2)
            assert "<b>" not in text[1]
        assert visit.page.locator("output").inner_text() == "<b>step 5</b>"
        before = visit.page.evaluate(EYES)
        visit.page.locator("button[data-move=left]").click()
        visit.wait(f"({EYES}).every(eye => eye !== '{before[0]}')")
        after = visit.page.evaluate(EYES)
        assert after[0] == after[1]
        visit.page.locator(".surface").first.hover()
        visit.page.mouse.down()
        visit.page.mouse.move(300, 300)
        visit.page.mouse.move(420, 330)
        visit.page.mouse.up()
        visit.wait(f"({EYES}).every(eye => eye !== '{after[0]}')")
        visit.wait(f"new Set({EYES}).size === 1")
        assert visit.errors == []
        assert visit.requests == [visit.url]
        visit.close()
