"""The page that ``landscape hessian`` writes, in a real browser."""

import pytest
from browser_visit import Visit, running_browser
from click.testing import CliRunner

from landscape.cli.main import cli

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with running_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report whose trace has not converged, on a network with outliers."""
    folder = tmp_path_factory.mktemp("page")
    arguments = [
        "hessian", "--model", "mlp", "--model-option", "widths=8", "--examples", "60", "--device", "cpu",
        "--trace-rtol", "1e-9", "--trace-method", "hutchinson", "--max-matvecs", "60", "--density-probes", "3",
        "--density-steps", "40", "--out", str(folder),
    ]  # fmt: skip
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    return folder / "report.html"


@pytest.mark.parametrize("width", [1280, 400])
def test_everything_is_drawn_and_nothing_fetched(browser, page, width):
    visit = Visit(browser, page, width)
    assert visit.errors == []
    assert visit.requests == [visit.url]
    marks = visit.page.evaluate(
        "Array.from(document.querySelectorAll('.plot')).map(div => [div.id, div.querySelectorAll('.js-line').length, "
        "div.querySelectorAll('.point').length])"
    )
    assert [name for name, _, _ in marks] == ["density-linear", "density-symlog"]
    # the line, two edges of its band, and resolved eigenvalues
    assert all(lines >= 3 and points >= 2 for _, lines, points in marks)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.close()


def test_numbers_warnings_and_what_they_cannot_see_are_on_the_page(browser, page):
    visit = Visit(browser, page)
    text = visit.page.inner_text("body")
    for words in (
        "Hessian of mlp on digits", "2nd largest", "The trace did not converge", "What each number cannot see",
        "How products were computed", "Command:",
    ):  # fmt: skip
        assert words in text
    assert visit.page.query_selector("abbr.bad") is not None
    visit.close()


def test_hover_tells_eigenvalue_and_density(browser, page):
    visit = Visit(browser, page)
    plot = visit.page.query_selector("#density-symlog .point")
    plot.scroll_into_view_if_needed()
    plot.hover(force=True)
    visit.wait("document.querySelectorAll('#density-symlog .hovertext').length > 0")
    assert "residual" in visit.page.text_content("#density-symlog .hovertext")
    visit.close()
