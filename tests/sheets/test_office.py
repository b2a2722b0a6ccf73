"""LibreOffice opens a sheet and saves it again: what nobody edited is as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sync_connector.sheets.read import read
from tests.sheets.saving import FORMS, HEADERS, NASTY, nasty_rows

FRENCH, UTF_8 = 1036, 76
CSV_IN = f"CSV:44,34,{UTF_8},1,,{FRENCH},false,true"  # comma, quote; numbers, dates and truth are looked for, as people leave it
CSV_OUT = f"csv:Text - txt - csv (StarCalc):59,34,{UTF_8},1,,{FRENCH},false,true"  # semicolons, cells as they are shown


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that starts LibreOffice, with a profile of its own."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed (on Debian: apt install libreoffice-calc-nogui)")
    return [program, f"-env:UserInstallation=file://{tmp_path_factory.mktemp('office')}", "--headless"]


def saved_again(office: list[str], path: Path, *how: str) -> None:
    """Open a file and save it into a folder beside it."""
    ran = subprocess.run(
        [*office, *how, "--outdir", str(path.parent / "saved"), str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("form", "name", "saved", "how"),
    [
        ("xlsx", "x.xlsx", "x.xlsx", ["--convert-to", "xlsx"]),
        ("xlsx", "x.xlsx", "x.ods", ["--convert-to", "ods"]),
        ("csv", "x.csv", "x.csv", [f"--infilter={CSV_IN}", "--convert-to", CSV_OUT]),
    ],
    ids=["xlsx", "ods", "csv"],
)
def test_nasty_cells_survive_an_office(
    office: list[str], form: str, name: str, saved: str, how: list[str], tmp_path: Path
) -> None:
    """Formulas, numbers, dates, controls, line ends and 40 kB are character for character what they were."""
    rows = list(nasty_rows())
    FORMS[form](tmp_path / name, HEADERS, rows)
    saved_again(office, tmp_path / name, *how)
    found = read(tmp_path / "saved" / saved)
    assert [(one.key, one.cells) for one in found] == [(one.key, one.cells) for one in rows]


def test_without_the_guard_an_office_does_reformat(office: list[str], tmp_path: Path) -> None:
    """The test above proves something: the same cells, written as they are, come back as other ones."""
    cells = ["=1+1", "+33612345678", "0612345678", "1e5"]
    assert not set(cells) - set(NASTY)
    (tmp_path / "x.csv").write_text("".join(f'"{cell}"{os.linesep}' for cell in cells))
    saved_again(office, tmp_path / "x.csv", f"--infilter={CSV_IN}", "--convert-to", CSV_OUT)
    seen = (tmp_path / "saved" / "x.csv").read_text("utf-8-sig").split("\n")
    assert not set(cells) & set(seen)
