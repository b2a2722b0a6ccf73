"""What is installed works without the checkout: mappings, migrations and sample data travel in the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_an_installed_copy_runs_the_demo_outside_the_checkout(tmp_path: Path) -> None:
    """A wheel is built and unpacked somewhere else; the demo runs from there, the checkout out of sight."""
    built = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(tmp_path / "installed")
    assert not [name for name in names if name.startswith(("tests/", "bench/", ".ci/"))]
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        "import sync_connector.__main__ as way_in; print(way_in.__file__); way_in.main()"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "installed"), "demo", "--folder", str(tmp_path / "demo")]
    done = subprocess.run(words, cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert "0 sent in 0 requests" in done.stdout
    assert "3 sent in 1 request: 3 accepted" in done.stdout
    assert "75 messages in 3 requests: 75 sent, 0 refused, 0 unknown, 0 unsent" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(str(tmp_path / "demo" / "report.html")), "it ends with the page's path"
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert 'data-told="sent">75<' in page, "it tells of the messages"
    assert (tmp_path / "demo" / "rejects.xlsx").exists()
