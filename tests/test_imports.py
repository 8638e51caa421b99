"""The import table of docs/architecture.md, held."""

import ast
import itertools
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "celadon"
ARCHITECTURE = SOURCE.parents[1] / "docs" / "architecture.md"

# What the installer leaves behind, which every folder may import.
LEAVES = {
    "celadon.platform.settings",
    "celadon.platform.images",
    "celadon.platform.runtimes",
    "celadon.platform.certificates",
    "celadon.platform.failure",
    "celadon.platform.x509",
}


def table() -> dict[str, set[str]]:
    """Folder → the folders it may import, from the table that begins with this title."""
    _, _, rest = ARCHITECTURE.read_text("utf-8").partition("| folder of `src/celadon` |")
    rows = itertools.takewhile(lambda line: line.startswith("| `"), rest.splitlines()[2:])
    cells = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]
    return {name.strip("`"): set(allowed.split(", ")) - {"–"} for name, _, allowed in cells}


TABLE = table()


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("celadon.")}


@pytest.mark.parametrize("folder", sorted(TABLE))
def test_folder_imports_only_what_the_table_allows(folder: str) -> None:
    allowed = TABLE[folder] | {folder}
    wrong = []
    for path in sorted((SOURCE / folder).rglob("*.py")):
        for name in imported(path):
            leaf = any(name == leaf or name.startswith(f"{leaf}.") for leaf in LEAVES) or name == "celadon.platform"
            if name.split(".")[1] in TABLE and name.split(".")[1] not in allowed and not leaf:
                wrong.append(f"{path.relative_to(SOURCE)} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", sorted(TABLE))
def test_the_table_allows_no_more_than_is_needed(folder: str) -> None:
    names = {name.split(".")[1] for path in (SOURCE / folder).rglob("*.py") for name in imported(path)}
    assert TABLE[folder] <= names


def test_the_leaves_are_those_that_the_table_names() -> None:
    _, _, rest = ARCHITECTURE.read_text("utf-8").partition("`platform.settings`, ")
    named, told, _ = rest.partition(" are what the installer leaves behind")
    assert told and {f"celadon.platform{name}" for name in re.findall(r"`(\.\w+)`", named)} == LEAVES - {
        "celadon.platform.settings"
    }


def test_every_file_that_the_flows_name_is_there() -> None:
    text = ARCHITECTURE.read_text("utf-8")
    folders = "|".join(TABLE)
    named = set(re.findall(rf"`((?:{folders})/[\w/]+\.\w+)`", text))
    assert len(named) > 30 and not [name for name in sorted(named) if not (SOURCE / name).is_file()]


def test_every_verb_that_the_flows_name_is_there() -> None:
    """Where a row names a file and what of it: `` `actions/addons.py` `create` ``."""
    cells = re.findall(r"`(\w+/\w+)\.py` (`\w+`(?:, `\w+`(?! `))*)", ARCHITECTURE.read_text("utf-8"))
    assert len(cells) > 10
    for file, verbs in cells:
        tree = ast.parse((SOURCE / f"{file}.py").read_text("utf-8"))
        present = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert set(re.findall(r"\w+", verbs)) <= present, file


def test_every_folder_has_a_row() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders == set(TABLE)


def test_model_is_standard_library_only() -> None:
    import sys

    for path in (SOURCE / "model").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names | {"celadon"}, f"{path.name} imports {name}"
