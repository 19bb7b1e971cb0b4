"""The package's sources as syntax trees: what the house rules are checked on. Nothing of luthier is imported here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "luthier"


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted name below `luthier` -> syntax tree; a package has the name of its folder, the root is ''."""
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in sorted(SRC.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def path_of(module: str) -> Path:
    folder = SRC.joinpath(*module.split(".")) if module else SRC
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def unit(module: str) -> str:
    """The file or package directly below `luthier` that a module belongs to."""
    return module.split(".")[0]


@cache
def imports(module: str, lazy: bool = True) -> tuple[str, ...]:
    """Full dotted names that a module imports; `lazy` also counts imports inside functions."""
    tree = modules()[module]
    inside = {n for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    package = module.split(".") if path_of(module).name == "__init__.py" else module.split(".")[:-1]
    package = ["luthier", *(p for p in package if p)]
    names: list[str] = []
    for node in ast.walk(tree):
        if node in inside and not lazy:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*start, *filter(None, [node.module])])
            names += [f"{whole}.{alias.name}" for alias in node.names]
    return tuple(names)


def own_imports(module: str, lazy: bool = True) -> set[str]:
    """Modules of the package that `module` imports, itself left out."""
    found = set()
    for name in imports(module, lazy):
        parts = name.split(".")
        if parts[0] == "luthier":
            rest = parts[1:]
            while rest and ".".join(rest) not in modules():
                rest = rest[:-1]
            found.add(".".join(rest))
    return found - {module}


def foreign_imports(module: str, lazy: bool = True) -> set[str]:
    """Top-level packages from elsewhere that `module` imports."""
    return {name.split(".")[0] for name in imports(module, lazy)} - {"luthier"}


def place(module: str, node: ast.AST) -> str:
    return f"{path_of(module).relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
