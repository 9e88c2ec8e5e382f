"""The trajectory in motion: every checkpoint has its frame, and the way grows from one to the next."""

import io
import itertools
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageSequence
from trajectory_grids import grids

from landscape.report.figures.canvas import style
from landscape.report.surface.animation import FRAMES_A_SECOND, LAST_FRAME, write_gif, write_mp4


def assert_the_way_grows(frames):
    """Frames are different pictures of one plane: the way and the title change, the axis beside them stays."""
    for before, after in itertools.pairwise(frames):
        changed = np.abs(after.astype(float) - before.astype(float)).max(axis=2) > 60
        assert 0.0005 < changed.mean() < 0.1
        assert not changed[:, :60].any()


def test_a_gif_has_a_frame_a_checkpoint(tmp_path):
    with style():
        write_gif(grids(), tmp_path / "way.gif")
    with Image.open(tmp_path / "way.gif") as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
        assert film.info["loop"] == 0
    assert len(frames) == 3
    assert_the_way_grows(frames)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_an_mp4_has_the_same_frames_and_holds_the_last(tmp_path):
    path = tmp_path / "way.mp4"
    with style():
        write_mp4(grids(), path)
    assert [each.name for each in tmp_path.iterdir()] == ["way.mp4"]
    pictures = ["ffmpeg", "-loglevel", "error", "-i", path, "-f", "image2pipe", "-c:v", "png", "-"]
    data = subprocess.run(pictures, capture_output=True, check=True).stdout
    starts = [place for place in range(len(data)) if data.startswith(b"\x89PNG", place)]
    frames = [
        np.asarray(Image.open(io.BytesIO(data[a:b])).convert("RGB"))
        for a, b in zip(starts, [*starts[1:], len(data)], strict=True)
    ]
    assert len(frames) == 3 + LAST_FRAME - 1
    assert_the_way_grows(frames[:3])
    assert all(np.abs(each.astype(float) - frames[2]).max() < 40 for each in frames[3:])
    probed = ["ffmpeg", "-i", path]
    said = subprocess.run(probed, capture_output=True, check=False, text=True).stderr
    assert f"{FRAMES_A_SECOND} fps" in said
    assert "yuv420p" in said  # what browsers and players show
