"""The colours of a page: text can be read, marks can be seen, and they can be told apart by people who see fewer colours."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from sync_connector.report.page import STYLE

COLOURS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE)
}
TEXT = ["ink", "quiet", "alarm", "well"]
MARKS = ["first", "second", "third", "fourth"]
# Linear RGB as it is seen without one of the three cones: Viénot, Brettel and Mollon 1999 for the first two; for the third,
# Machado, Oliveira and Fernandes 2009.
SIGHTS = {
    "all": np.eye(3),
    "no red": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "no green": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    "no blue": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
}


def linear(colour: str) -> np.ndarray:
    """sRGB as amounts of light."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(light: np.ndarray) -> float:
    """How bright it is, from 0 to 1."""
    return float(light @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2 counts it."""
    darker, lighter = sorted((luminance(linear(one)), luminance(linear(other))))
    return (lighter + 0.05) / (darker + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of an amount of light, seen beside D65 white."""
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])
    xyz = to_xyz @ np.clip(light, 0, 1) / np.array([0.95047, 1, 1.08883])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_the_style_names_every_colour_for_light_and_for_dark() -> None:
    """What the tests below look at is all there is: no colour stands elsewhere in the style sheet."""
    assert set(TEXT + MARKS) | {"paper", "card", "rule", "alarm-card"} == set(COLOURS)
    assert len(re.findall(r"#[0-9a-f]{3,8}\b", STYLE)) == 2 * len(COLOURS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str) -> None:
    """Each colour of text has a contrast of 4.5 at least with what it stands on."""
    for name in TEXT:
        for ground in ("paper", "card") if name != "alarm" else ("alarm-card",):
            assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= 4.5, (name, ground)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_can_be_seen(theme: str) -> None:
    """Each colour of a drawing has a contrast of 3 at least with the card."""
    for name in MARKS:
        assert contrast(COLOURS[name][theme], COLOURS["card"][theme]) >= 3, name


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_can_be_told_apart(theme: str, sight: str) -> None:
    """Whichever cone a person lacks, two colours of a drawing are at least 20 apart in L*a*b* (about 2 can just be seen)."""
    seen = {name: lab(SIGHTS[sight] @ linear(COLOURS[name][theme])) for name in MARKS}
    for one, other in combinations(MARKS, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 20, (one, other)
