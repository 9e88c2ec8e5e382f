"""The page in a real browser: everything is drawn, nothing is fetched, surfaces turn together."""

import io
import time

import pytest
from browser_visit import VISIBLE, Visit, running_browser
from PIL import Image

pytestmark = pytest.mark.browser

CAMERAS = """Array.from(document.querySelectorAll('.surface')).map(div => {
    const eye = div._fullLayout.scene._scene.getCamera().eye;
    return [eye.x, eye.y, eye.z];
})"""


@pytest.fixture(scope="module")
def browser():
    with running_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(browser, written):
    folder, _ = written("one_lr_one_seed")
    opened = Visit(browser, folder / "report.html")
    yield opened
    opened.close()


def in_step(visit):
    cameras = visit.page.evaluate(CAMERAS)
    return all(camera == pytest.approx(cameras[0], abs=1e-3) for camera in cameras)


def test_everything_is_drawn_and_nothing_fetched(visit):
    page = visit.page
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    visit.wait("Array.from(document.querySelectorAll('.plot')).every(div => div.dataset.ready)")
    assert visit.errors == []
    assert visit.requests == [visit.url]
    kinds = page.evaluate(
        "Array.from(document.querySelectorAll('.plot')).map(div => [div.id, !!div.querySelector('.main-svg'), "
        "div.querySelectorAll('canvas').length, div.querySelectorAll('.trace, .point, .js-line').length])"
    )
    assert len(kinds) >= 10
    for name, drawn, canvases, marks in kinds:
        assert drawn, name
        assert (canvases if name.startswith("surface") else marks) > 0, name


def test_what_is_near_the_window_is_drawn_first(browser, written):
    folder, _ = written("one_lr_one_seed")
    script = """
        window.order = [];
        document.addEventListener('DOMContentLoaded', () => {
            window.scrollTo(0, document.body.scrollHeight);
            new MutationObserver(changes => changes.forEach(change => window.order.push(change.target.id)))
                .observe(document.body, {attributeFilter: ['data-ready'], subtree: true});
        });
    """
    at_the_end = Visit(browser, folder / "report.html", script=script)
    above = at_the_end.page.evaluate(f"{VISIBLE}.map(div => div.id)")
    order = at_the_end.page.evaluate("window.order")
    at_the_end.close()
    assert sorted(order) == sorted(above)
    assert above.index(order[0]) > above.index(order[-1])
    assert order[-1] == above[0]


def test_surfaces_show_a_picture(visit):
    for box in visit.page.query_selector_all(".surface"):
        box.scroll_into_view_if_needed()
        image = Image.open(io.BytesIO(box.screenshot())).convert("RGB")
        assert len(image.getcolors(maxcolors=10**6)) > 200


def test_turning_one_surface_turns_all(visit):
    page = visit.page
    before = page.evaluate(CAMERAS)
    visit.drag(".surface")
    end = time.monotonic() + 20
    while not (in_step(visit) and page.evaluate(CAMERAS)[0] != pytest.approx(before[0], abs=1e-3)):
        assert time.monotonic() < end, f"cameras: {page.evaluate(CAMERAS)}, before: {before}"
        page.wait_for_timeout(100)
    assert len(before) == 2


def test_the_last_of_many_quick_turns_wins(visit):
    visit.page.evaluate(
        """() => {
        const first = document.querySelector('.surface');
        for (const x of [1.0, 1.2, 1.6]) {
            first.emit('plotly_relayouting', {'scene.camera': {eye: {x: x, y: 1, z: 1}, center: {x: 0, y: 0, z: 0},
                up: {x: 0, y: 0, z: 1}}});
        }
    }"""
    )
    visit.wait(f"Math.abs(({CAMERAS})[1][0] - 1.6) < 1e-3", seconds=20)


def test_buttons_turn_all_and_reset(visit):
    page = visit.page
    for name in ("left", "up", "nearer"):
        before = page.evaluate(CAMERAS)
        page.focus(f"button[data-move={name}]")
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
        assert page.evaluate(CAMERAS)[0] != pytest.approx(before[0], abs=1e-3), name
        assert in_step(visit), name
    page.click("button[data-move=reset]")
    page.wait_for_timeout(400)
    assert page.evaluate(CAMERAS)[1] == pytest.approx([1.38, -1.5, 1.22], abs=1e-3)


def test_curves_switch_to_seconds_and_back(visit):
    title = "document.getElementById('curve-train_loss')._fullLayout.xaxis.title.text"
    visit.page.check("input[value=seconds]")
    visit.wait(f"{title} === 'seconds of training'")
    far = "Math.max(...document.getElementById('curve-train_loss').data.flatMap(trace => trace.x))"
    assert visit.page.evaluate(far) < 2
    visit.page.check("input[value=epoch]")
    visit.wait(f"{title} === 'epoch'")
    assert visit.page.evaluate(far) == 6


def test_points_take_the_colours_of_a_factor_and_back(browser, written):
    folder, _ = written("several_models")
    visit = Visit(browser, folder / "report.html")
    plot = "document.getElementById('gap-matched-0-gap_loss')"
    visit.wait(f"{plot}.dataset.ready")
    look = f"[{plot}.data[0].marker.color, {plot}.data[0].marker.line.color]"
    before = visit.page.evaluate(look)
    assert visit.page.is_hidden("[data-colored=model]")
    visit.page.check("input[name=colored][value=model]")
    visit.wait(f"Array.isArray({plot}.data[0].marker.line.color)")
    colors = visit.page.evaluate(f"{plot}.data.flatMap(trace => trace.marker.line.color)")
    assert len(set(colors)) == 2
    assert visit.page.is_visible("[data-colored=model]")
    visit.page.check("input[name=colored][value='']")
    visit.wait(f"!Array.isArray({plot}.data[0].marker.line.color)")
    assert visit.page.evaluate(look) == before
    assert visit.page.is_hidden("[data-colored=model]")
    assert visit.errors == []
    visit.close()


def test_hover_shows_the_run(visit):
    page = visit.page
    point = page.query_selector("#gap-matched-0-gap_loss .point")
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    visit.wait("document.querySelectorAll('#gap-matched-0-gap_loss .hovertext').length > 0")
    assert "lr" in page.text_content("#gap-matched-0-gap_loss .hovertext")


def test_a_phone_needs_no_sideways_scrolling(browser, written):
    folder, _ = written("many_measures")
    visit = Visit(browser, folder / "report.html", width=400)
    assert visit.errors == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 400
    visit.close()


def test_markup_in_names_runs_nothing(browser, written):
    folder, _ = written("hostile")
    visit = Visit(browser, folder / "report.html")
    assert visit.errors == []
    assert visit.requests == [visit.url]
    assert visit.page.evaluate("document.querySelectorAll('img[onerror], main script, header script').length") == 0
    visit.close()
