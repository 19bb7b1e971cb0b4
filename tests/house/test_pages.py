"""Tracked text names no machine, tells one version, and links to what exists."""

from __future__ import annotations

import re
import subprocess

import pytest

import luthier
from tests.house.source import ROOT

TEXT = (".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".html", ".css", ".js", ".cfg", ".sh", "")
SOMEWHERE = re.compile(r"(?<![\w.~:])/(home|root|work|Users|mnt|opt|data|workspace)/\w")
TOOLS = ("[c]laude", "[a]nthropic", "[c]opilot", r"[c]hatgpt\s+(wrote|generated)", "[g]enerated by an? ai")
WRITTEN_WITH = re.compile("|".join(TOOLS), re.IGNORECASE)


def tracked() -> list[str]:
    asked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        pytest.skip("not a git checkout: there is no list of the project's files")
    return [n for n in asked.stdout.split("\0") if n and (ROOT / n).is_file()]


def texts() -> list[tuple[str, str]]:
    names = [n for n in tracked() if "." + n.rsplit(".", 1)[-1] in TEXT or "." not in n.rsplit("/", 1)[-1]]
    return [(n, (ROOT / n).read_text(encoding="utf-8")) for n in names if not n.endswith("tokenizer.json")]


def test_no_machine_and_no_tool_is_named():
    found = []
    for name, text in texts():
        for number, line in enumerate(text.splitlines(), 1):
            if SOMEWHERE.search(line) or WRITTEN_WITH.search(line):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert not found


def test_one_version():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changes, re.MULTILINE)
    declared = re.search(r'^version = "(.+)"', package, re.MULTILINE)
    assert newest and declared
    assert luthier.__version__ == newest[1] == declared[1]


def test_change_notes_are_short():
    for note in re.findall(r"^- (.+(?:\n  .+)*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert len(note.split()) <= 25, f"more than 25 words: {note}"


@pytest.mark.parametrize("page", [n for n in ("README.md", "README.zh.md", "CONTRIBUTING.md", "docs/dependencies.md")])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    local = [t for t in re.findall(r"\]\(([^)#\s]+)", text) if not t.startswith(("http:", "https:", "mailto:"))]
    missing = [t for t in local if not ((ROOT / page).parent / t).exists()]
    assert not missing, f"{page} links to {missing}"


def test_every_dependency_is_justified():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = {re.split(r"[\[<>=~! ]", w)[0] for w in wanted} - {"luthier"}
    assert not {n for n in names if f"`{n}`" not in page}
