"""The laws of the house that can be read from the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sync_connector.ledger.schema import metadata
from sync_connector.ledger.store import open_ledger

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sync_connector"
STOREYS = [
    {"model", "errors", "faults", "fault_points"},
    {"crm_sql", "whole_file"},
    {"mapping", "listening", "deadline"},
    {"recognition"},
    {"config", "database", "fields", "dialects"},
    {"rules", "duplicates", "mx"},
    {"flow"},
    {"ledger", "sources", "sinks", "sandbox"},
    {"report", "sheets"},
    {"events", "sms"},
    {"reading"},
    {"planning"},
    {"watermark"},
    {"pipeline", "pulling", "message_planning"},
    {"messaging"},
    {
        "planfile",
        "explaining",
        "event_report",
        "quality_report",
        "starting",
        "auditing",
        "resubmitting",
        "calling",
        "adopting",
        "forgetting",
    },
    {"file_report", "demo", "client"},
    {"cli"},
]
PURE = [
    "fields",
    "flow/diff.py",
    "flow/resolve.py",
    "flow/pace.py",
    "flow/sieve.py",
    "flow/normalize.py",
    "flow/brakes.py",
    "dialects",
    "events/stop.py",
    "events/understand.py",
    "sms/hours.py",
    "sms/links.py",
    "sms/segments.py",
    "sms/template.py",
    "deadline.py",
    "rules",
    "duplicates",
    "sheets/columns.py",
    "sheets/guard.py",
    "sheets/token.py",
    "sinks/_rows.py",
    "sinks/_wording.py",
]


def modules() -> Iterator[Path]:
    """Every module of the package but the entry points and the migrations, which Alembic runs."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name not in ("__main__.py",) and "migrations" not in path.parts and path != PACKAGE / "__init__.py":
            yield path


def imports(path: Path) -> set[str]:
    """The modules of ours that one imports, those inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sync_connector"):
            if node.module == "sync_connector":
                found |= {f"sync_connector.{alias.name}" for alias in node.names if not alias.name.startswith("__")}
            else:
                found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("sync_connector")}
    return found


def room(module: str) -> str:
    """The room of a module: the word behind the package's name."""
    return module.split(".")[1]


def storey(name: str) -> int:
    """How high a room lies."""
    return next(level for level, rooms in enumerate(STOREYS) if name in rooms)


def dotted(path: Path) -> str:
    """A module's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def fault_points_of_the_source() -> list[str]:
    """The names of all fault points, from the calls that declare them."""
    around = {"transaction", "around", "durable", "writing", "_writing", "rewrite"}
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            if called not in {"reach", "whole_file", *around}:
                continue
            literal = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            ends = ("before", "written", "after") if called == "whole_file" else ("before", "after") if called in around else ()
            found += [f"{name}.{end}" for name in literal for end in ends] or literal
    return found


def test_imports_point_one_way() -> None:
    """A room imports only from rooms that lie below it, or from itself."""
    wrong = []
    for path in modules():
        own = room(dotted(path))
        for module in imports(path):
            if room(module) != own and storey(room(module)) >= storey(own):
                wrong.append(f"{dotted(path)} imports {module}")
    assert wrong == []


def test_no_module_is_part_of_a_cycle() -> None:
    """The modules can be put in an order in which each imports only earlier ones."""
    names = {dotted(path) for path in modules()}
    graph = {dotted(path): (imports(path) & names) - {dotted(path)} for path in modules()}
    while free := [name for name, needs in graph.items() if not needs]:
        for name in free:
            del graph[name]
        for needs in graph.values():
            needs.difference_update(free)
    assert graph == {}


def test_no_stage_knows_another() -> None:
    """Only load has stages below it (attempt, post, turns, pace), and rows go from extract to normalize and overlay as a type."""
    allowed = {("load", "attempt"), ("load", "pace"), ("load", "turns"), ("load", "post")}
    allowed |= {("attempt", "pace"), ("attempt", "post"), ("turns", "pace")}
    allowed |= {("normalize", "extract"), ("overlay", "extract")}
    stages = {path.stem for path in (PACKAGE / "flow").glob("*.py")} - {"__init__"}
    known = {
        (path.stem, module.split(".")[2])
        for path in (PACKAGE / "flow").glob("*.py")
        for module in imports(path)
        if module.startswith("sync_connector.flow.") and module.split(".")[2] in stages - {path.stem}
    }
    assert known <= allowed


@pytest.mark.parametrize("place", PURE)
def test_deciding_rooms_have_no_clock_no_chance_no_file_and_no_socket(place: str) -> None:
    """What decides imports nothing that reads the time, throws dice or touches the world."""
    forbidden = {"time", "random", "os", "socket", "httpx", "asyncio", "tempfile", "pathlib", "secrets", "sqlalchemy"}
    paths = [PACKAGE / place] if place.endswith(".py") else list((PACKAGE / place).glob("*.py"))
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & forbidden, path
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] not in forbidden, path


def test_no_drawer_for_everything() -> None:
    """There is no utils, helpers, common, base or manager."""
    drawers = {"utils", "helpers", "common", "base", "manager", "util", "misc"}
    assert not {path.stem for path in PACKAGE.rglob("*.py")} & drawers


def undocumented(nodes: list[ast.stmt]) -> Iterator[str]:
    """Public classes, functions and methods without a docstring; what is inside a function or a private class is not."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node.body)


def test_every_public_thing_has_a_docstring() -> None:
    """Modules, public classes and public functions say what they are for."""
    missing = []
    for path in modules():
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            missing.append(str(path))
        missing += [f"{path.name}: {name}" for name in undocumented(tree.body)]
    assert missing == []


def test_only_the_command_line_prints() -> None:
    """No other room writes to stdout or stderr."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                raise AssertionError(f"{path} prints")


def test_the_migrations_make_the_tables(ledger_url: str) -> None:
    """A ledger that was migrated is the ledger that the code expects, on each database."""
    ledger = open_ledger(ledger_url, write=True)
    with ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    ledger.close()


def test_the_ledger_itself_keeps_one_owner_for_a_number(ledger_url: str) -> None:
    """Two contacts cannot have one number at the vendor, whatever our code does."""
    ledger = open_ledger(ledger_url, write=True)
    scope = ledger.make_scope("a@example.com", "host", "crm")
    row = (
        "INSERT INTO contacts (account_id, source_id, key, state, phone_number, run_id) "
        "VALUES (:a, :s, :k, 'accepted', '+33612345678', 1)"
    )
    with ledger.engine.connect() as connection:
        connection.execute(sa.text(row), {"a": scope.account_id, "s": scope.source_id, "k": "one"})
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.text(row), {"a": scope.account_id, "s": scope.source_id, "k": "two"})
        connection.rollback()
    ledger.close()


def test_whatever_lasts_has_its_fault_points() -> None:
    """No transaction is begun, and no file takes its name, without a point before and after it; what makes believe needs none."""
    bare = []
    for path in modules():
        if path.name in ("fault_points.py", "demo.py") or room(dotted(path)) == "sandbox":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            called = [ast.unparse(node.func) + f"/{len(node.args)}" for node in ast.walk(function) if isinstance(node, ast.Call)]
            lasting = r"(.*\.begin/0|os\.(replace|link|rename)/2|.*\.(rename|replace)/1|.*\.write_(text|bytes)/.|shutil\.move/2)"
            if any(re.fullmatch(lasting, call) for call in called) and "reach/1" not in called:
                bare.append(f"{dotted(path)}.{function.name}")
    assert bare == []


def test_each_fault_point_has_one_place() -> None:
    """Their names are literal, so that they can be listed, and none is used twice."""
    found = fault_points_of_the_source()
    assert [name for name, count in Counter(found).items() if count > 1] == []
    assert {"ledger.settle.before", "ledger.settle.after", "vendor.request.before", "plan.file.written"} <= set(found)


def test_no_setting_turns_the_fault_points_on() -> None:
    """Nothing in the package listens: only a test, in its own process."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if path.name != "fault_points.py" and isinstance(node, ast.ImportFrom) and node.module:
                assert not (node.module.endswith("fault_points") and {"told", "_listener"} & {a.name for a in node.names}), path
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "fault_points.told"), path


def test_nothing_that_is_committed_names_a_registry() -> None:
    """No file names the host of a package registry; the lock file names no host at all."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for path in ROOT.rglob("*") if ".venv" not in path.parts and path.is_file()]
    hosts = ["pypi" + ".org", "python" + "hosted", "npm" + "js.org", "debian" + ".org"]
    for path in files:
        if path.suffix in (".pyc", ".db") or not path.exists():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [host for host in hosts if host in text], path
    assert "://" not in (ROOT / "requirements.lock").read_text()
