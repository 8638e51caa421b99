"""The import table of docs/architecture.md, held."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "celadon"

# Folder → the folders it may import. `platform.settings` is a leaf that every folder may import; roles also start from
# the images and runtimes that the platform installed.
TABLE = {
    "model": set(),
    "store": {"model"},
    "actions": {"store", "model"},
    # The role serves both; a page is answered as an endpoint is.
    "api": {"actions", "store", "model", "dashboard"},
    "dashboard": {"actions", "model", "api"},
    "git": {"actions", "store", "model"},
    "build": {"actions", "store", "model", "runtime"},
    "runtime": {"model"},
    "dynos": {"runtime", "actions", "store", "model"},
    "router": {"runtime", "actions", "store", "model"},
    "logplex": {"store", "model"},
    # The data API and the pages of add-ons are answered as the Platform API is; partners are asked as webhooks are told.
    "addons": {
        *("caches", "deployhooks", "postgres", "scheduler"),
        *("clock", "api", "runtime", "actions", "store", "model"),
    },
    "postgres": {"addons", "api", "dashboard", "runtime", "actions", "store", "model"},
    "caches": {"addons", "api", "runtime", "actions", "store", "model"},
    "scheduler": {"addons", "actions", "model"},
    "deployhooks": {"addons", "actions", "model"},
    "clock": {"actions", "store", "model"},
    "platform": {"model", "runtime"},
    "cli": {"platform", "model"},
}
LEAVES = {
    "celadon.platform.settings",
    "celadon.platform.images",
    "celadon.platform.runtimes",
    "celadon.platform.certificates",
    "celadon.platform.failure",
    "celadon.platform.x509",
}


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
