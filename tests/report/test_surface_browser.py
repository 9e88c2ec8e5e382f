"""The page of a surface in a real browser: both surfaces turn together, the slider follows the training."""

import pytest
from browser_visit import Visit, running_browser
from trajectory_grids import grids

from landscape.report.surface.page import surface_page

pytestmark = pytest.mark.browser

WALKED = """['surface-train', 'surface-test'].map(id => {
    const trace = document.getElementById(id).data.find(each => each.name === 'walked');
    return [trace.x, trace.y, trace.z.length, trace.text];
})"""
EYES = """Array.from(document.querySelectorAll('.surface')).map(
    div => div._fullLayout.scene._scene.getCamera().eye.x.toFixed(3))"""


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
        visit.drag(".surface")
        visit.wait(f"({EYES}).every(eye => eye !== '{after[0]}')")
        visit.wait(f"new Set({EYES}).size === 1")
        assert visit.errors == []
        assert visit.requests == [visit.url]
        visit.close()
