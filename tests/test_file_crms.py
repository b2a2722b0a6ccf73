"""CRMs that export files: each one's sample, named by nobody, is recognized, read, cleaned and sent, and nothing else is.

What a row of a sample shows is told in `sample_data/README.md`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sync_connector import mapping
from sync_connector.rules import RULES
from sync_connector.sandbox.app import Vendor
from tests.conftest import LOGIN, PASSWORD, Project

FOLDER = Path(__file__).parent.parent / "sample_data" / "crm"
GLANCED = ("phone_number", "first_name", "last_name", "adress", "email", "country_code")


class Sample(NamedTuple):
    """A file and what becomes of it. `codes`: rejections and repairs; `glance`: one contact, whole, as the vendor has it."""

    file: str
    mapping: str
    read: int
    numbers: str
    glance: tuple[str, str, str, str, str, str]
    codes: dict[str, int]
    left_out: dict[str, int]


SAMPLES = [
    Sample(
        "salesforce_dataloader.csv",
        "salesforce",
        7,
        "+33793100001 +33793100002 +442079460101 +262692102030 +33793100009 +33199001010",
        ("+33793100002", "Basile", "Fournel", "Bâtiment C, 12, quai Nord, 76600, Le Havre", "basile.fournel@example.org", "FR"),
        {"#002": 1},
        {"merged": 1, "deleted": 1, "do not call": 1},
    ),
    Sample(
        "salesforce_weekly.csv",
        "salesforce",
        5,
        "+33793110001 +33199001102 +33793110003 +491713920011",
        ("+491713920011", "Otto", "Brandt", "50667, Köln", "otto.brandt@example.com", "DE"),
        {"#002": 1},
        {"merged": 1, "deleted": 1, "do not call": 1},
    ),
    Sample(
        "salesforce_report_fr.csv",
        "salesforce",
        4,
        "+33793130001 +33536493002 +594694203041",
        (
            "+33536493002",
            "Xavière",
            "Yvon",
            "9 bd de l’Océan, Résidence Azur, 17000, La Rochelle",
            "xaviere.yvon@example.org",
            "FR",
        ),
        {"#002": 1},
        {"do not call": 1},
    ),
    Sample(
        "salesforce_lead.csv",
        "salesforce_lead",
        5,
        "+33793140001 +33353014002 +33793140007",
        ("+33793140001", "Camille", "Delorme", "1 rue Basse, Étage 2, 21000, Dijon", "camille.delorme@example.net", "FR"),
        {"#001": 1, "#002": 1},
        {"deleted": 1, "converted": 2, "do not call": 1},
    ),
    Sample(
        "hubspot_en.csv",
        "hubspot",
        8,
        "+33793200001 +442079460202 +33199002003 +262692203040 +33793200006 +12025550143",
        ("+33199002003", "Chloé", "Marchand", "7 rue du Port, Hall B, 13002, Marseille", "chloe.marchand@example.org", "FR"),
        {"#001": 1, "#002": 1, "email_mended": 1, "phone_mended": 1},
        {},
    ),
    Sample(
        "hubspot_fr.csv",
        "hubspot",
        6,
        "+33793210001 +33536492102 +33793210003 +262262203041",
        ("+33793210001", "Agathe", "Bellanger", "3 rue de l’Église, 37000, Tours", "agathe.bellanger@example.org", "FR"),
        {"#001": 1, "#002": 1, "#004": 1},
        {},
    ),
    Sample(
        "hubspot_de.csv",
        "hubspot",
        5,
        "+491713920001 +494066969002 +33793220004 +492214710",
        ("+491713920001", "Greta", "Sommer", "Lindenweg 4, 10115, Berlin", "greta.sommer@example.com", "DE"),
        {"#002": 1},
        {},
    ),
    Sample(
        "hubspot_es.csv",
        "hubspot",
        5,
        "+33793230001 +442079460230 +33793230005",
        ("+442079460230", "Mateo", "Ibáñez", "Londres", "mateo.ibanez@example.com", "GB"),
        {"#001": 1, "#002": 1},
        {},
    ),
    Sample(
        "hubspot_internal.csv",
        "hubspot",
        4,
        "+33793240001 +441214960241 +33793240003",
        ("+441214960241", "Rachel", "Stone", "Birmingham", "rachel.stone@example.com", "GB"),
        {"#002": 1},
        {},
    ),
    Sample(
        "pipedrive_en.csv",
        "pipedrive",
        6,
        "+33793300001 +442079460302 +33793300003 +262692304051",
        ("+33793300003", "", "Cécile Daumas", "", "cecile.daumas@example.org", "FR"),
        {"#001": 1, "#002": 1, "email_mended": 1, "phone_mended": 1},
        {"do not call": 1},
    ),
    Sample(
        "pipedrive_fr.csv",
        "pipedrive",
        4,
        "+33793310001 +441214960312 +33793310003",
        ("+441214960312", "Jordan", "Kemp", "", "jordan.kemp@example.com", "GB"),
        {"#002": 1, "phone_mended": 1},
        {},
    ),
    Sample(
        "zoho.csv",
        "zoho",
        7,
        "+33793400001 +442079460402 +33465714003 +262693405061 +33793400006",
        ("+33793400001", "Maud", "Nadeau", "5 rue Claire, Interphone 12, 31000, Toulouse", "maud.nadeau@example.org", "FR"),
        {"#001": 1, "#002": 1, "phone_mended": 1},
        {},
    ),
    Sample(
        "dynamics.csv",
        "dynamics",
        5,
        "+33793500001 +441214960502 +33536495006 +262692506071",
        ("+33793500001", "Amaury", "Berthier", "6 rue Carnot, Bât. A, 51100, Reims", "amaury.berthier@example.org", "FR"),
        {"#002": 1},
        {"disabled": 1, "do not call": 1},
    ),
    Sample(
        "google_old.csv",
        "google",
        6,
        "+33793600001 +442079460602 +33465716003 +590590607081",
        ("+442079460602", "Bob", "Clay", "3 Hill Road, NW1 2AB, London", "bob.clay@example.com", "GB"),
        {"#002": 2, "email_mended": 1, "phone_mended": 1},
        {},
    ),
    Sample(
        "google_new.csv",
        "google",
        6,
        "+33793610001 +33793610002 +33536496103 +262692617081",
        ("+33793610002", "Jean", "Kieffer", "8 rue Longue, Cour intérieure, 67000, Strasbourg", "", "FR"),
        {"#002": 2, "phone_mended": 1},
        {},
    ),
    Sample(
        "outlook_en.csv",
        "outlook",
        5,
        "+442079460701 +33793700002 +33465717003 +262262708091",
        ("+33793700002", "Béatrice", "Colin", "", "beatrice.colin@example.org", "FR"),
        {"#002": 1, "#004": 1},
        {"private": 1},
    ),
    Sample(
        "outlook_en_semicolon.csv",
        "outlook",
        3,
        "+33793720001 +33199007202",
        ("+33793720001", "Noëlle", "Orsini", "", "", "FR"),
        {"#002": 1},
        {},
    ),
    Sample(
        "outlook_fr.csv",
        "outlook",
        6,
        "+33793710001 +33536497102 +33353017103 +262262718091 +41446681800",
        ("+33793710001", "Gaspard", "Huet", "10 rue du Lac, 2e étage, 74000, Annecy", "gaspard.huet@example.org", "FR"),
        {"#002": 1},
        {"private": 1},
    ),
    Sample(
        "thunderbird_en.csv",
        "thunderbird",
        5,
        "+441214960801 +33793800002 +33465718005",
        ("+33793800002", "Sara", "Thiry", "1 rue Pavée, Escalier B, 54000, Nancy", "sara.thiry@example.org", "FR"),
        {"#002": 2},
        {},
    ),
    Sample(
        "thunderbird_fr.csv",
        "thunderbird",
        5,
        "+33793810001 +442079460812 +33536498103 +594694208101",
        ("+442079460812", "Yann", "Zeller", "9 Dock Street, E1 8AA, London", "", "GB"),
        {"#002": 1},
        {},
    ),
    Sample(
        "brevo_en.csv",
        "brevo",
        7,
        "+33793900001 +442079460902 +491713920003 +33199009004 +262692901006",
        ("+442079460902", "Colin", "Drake", "", "colin.drake@example.com", "GB"),
        {"#001": 1, "#002": 1},
        {},
    ),
    Sample(
        "brevo_fr.csv",
        "brevo",
        4,
        "+33793910001 +33793910002 +32470123405",
        ("+33793910002", "Jonas", "Kaiser", "", "jonas.kaiser@example.org", "FR"),
        {"#002": 1},
        {"do not SMS": 1},
    ),
    Sample(
        "freshsales.csv",
        "freshsales",
        4,
        "+33793950001 +441214960952 +590690951051",
        ("+33793950001", "Odile", "Pasquier", "4 rue du Four, Porte 3, 49000, Angers", "odile.pasquier@example.org", "FR"),
        {"#002": 1, "email_mended": 1},
        {"do not call": 1},
    ),
    Sample(
        "generic_fr.csv",
        "generic",
        6,
        "+33793980001 +33465719802 +33536499803 +262692981071 +33199009808",
        ("+33793980001", "Valérie", "Wagner", "2 rue Haute, Bât. B, 68000, Colmar", "valerie.wagner@example.org", "FR"),
        {"#002": 1, "phone_mended": 1},
        {"archived": 1, "do not call": 1},
    ),
    Sample(
        "plain_list.csv",
        "simple",
        7,
        "+33793970001 +33793970002 +33793970003 +33793970004 +33261919705 +33793970006",
        ("+33793970001", "", "Mona Perrin", "Nantes", "mona.perrin@example.org", "FR"),
        {"#002": 1},
        {},
    ),
    Sample(
        "salesforce_report_en.csv",
        "salesforce",
        4,
        "+441214960021 +33793120002 +596696102031",
        ("+33793120002", "Rémi", "Salaün", "5 rue de la Côte, Fond de cour, 29200, Brest", "remi.salaun@example.com", "FR"),
        {"#002": 1},
        {"do not call": 1},
    ),
]
SAMPLES += [sample._replace(file="dynamics.xlsx") for sample in SAMPLES if sample.mapping == "dynamics"]


@pytest.fixture
def empty(tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A folder without a configuration, as `init` finds it."""
    monkeypatch.chdir(tmp_path)
    environment = {"ARDARY_URL": sandbox, "ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD}
    return Project(tmp_path, f"sqlite:///{tmp_path / 'sync-ledger.db'}", sandbox, environment)


def _as_expected(sample: Sample, empty: Project, vendor: Vendor) -> None:
    shutil.copy(FOLDER / sample.file, empty.folder)
    said = empty.run("init", sample.file).stdout.splitlines()
    choice = next(line for line in said if line.startswith("mapping "))
    assert choice.startswith(f"mapping {sample.mapping}: ")
    assert choice.endswith(("(certain)", "(likely)"))

    plan = empty.json("plan")
    numbers = set(sample.numbers.split())
    rejected = sample.read - len(numbers)
    assert plan["rows"] == {
        "read": sample.read,
        "unchanged": 0,
        "to_send": len(numbers),
        "rejected": rejected,
        "held": 0,
        "in_doubt": 0,
    }
    assert {code: count for code, count in plan["codes"].items() if code not in RULES} == sample.codes
    assert plan["left_out"] == sample.left_out

    assert empty.sync()["verdicts"]["accepted"] == len(numbers)
    assert set(vendor.contacts) == numbers
    at_vendor = {"phone_number": sample.glance[0]} | dict(vendor.contacts[sample.glance[0]])
    assert tuple(at_vendor[field] for field in GLANCED) == sample.glance

    requests = len(vendor.requests)
    assert empty.sync()["verdicts"]["sent"] == 0
    assert len(vendor.requests) == requests


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_an_export_is_recognized_and_sent_untouched(sample: Sample, empty: Project, vendor: Vendor) -> None:
    """`init` and `sync` alone bring exactly the right people to the vendor, and a second night sends nothing."""
    _as_expected(sample, empty, vendor)


def test_every_sample_is_tried_and_every_mapping_of_a_file_has_one() -> None:
    """No sample lies about unused, and no mapping is shipped on trust."""
    assert sorted(sample.file for sample in SAMPLES) == sorted(path.name for path in FOLDER.iterdir())
    unread = {name for name in mapping.names() if mapping.load(name).sql is None} - {sample.mapping for sample in SAMPLES}
    assert unread <= {"vcard"}


def test_every_number_of_the_samples_is_told_apart() -> None:
    """No two samples share a number, so that one at the vendor tells which file it came from (the workbook is a copy)."""
    numbers = [number for sample in SAMPLES if sample.file != "dynamics.xlsx" for number in sample.numbers.split()]
    assert len(numbers) == len(set(numbers))
