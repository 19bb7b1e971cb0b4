"""Whatever must survive a power cut is written by `luthier.files`, and nothing is pickled."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import imports, modules, place

RECIPE = "bases."
"""Made the built-in backbone once; what it wrote is in the repository and is checked by a test."""

WRITERS = {
    "write_text",
    "write_bytes",
    "save_file",
    "save_pretrained",
    "copyfile",
    "copy",
    "copy2",
    "copytree",
    "savez",
    "tofile",
    "dump",
}
OWN = {"files", "np"}
"""`files.write_text` is the right one."""

CHECKED = sorted(m for m in modules() if m != "files" and not m.startswith(RECIPE))


@pytest.mark.parametrize("module", CHECKED)
def test_only_files_writes(module):
    found = [place(module, call) for call in calls(modules()[module]) if writes(call)]
    assert not found, f"write through luthier.files instead: {found}"


@pytest.mark.parametrize("module", sorted(modules()))
def test_no_pickle(module):
    pickling = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    assert not {name.split(".")[0] for name in imports(module)} & pickling
    for call in calls(modules()[module]):
        text = ast.unparse(call.func)
        assert text != "torch.save", place(module, call)
        if text in ("torch.load", "np.load"):
            kept = {k.arg: ast.unparse(k.value) for k in call.keywords}
            safe = (
                kept.get("weights_only") == "True"
                if text == "torch.load"
                else kept.get("allow_pickle", "False") == "False"
            )
            assert safe, f"{place(module, call)} opens a pickle that can run code"


def calls(tree: ast.AST) -> list[ast.Call]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call)]


def writes(call: ast.Call) -> bool:
    f = call.func
    if isinstance(f, ast.Attribute) and f.attr in WRITERS:
        return not (isinstance(f.value, ast.Name) and f.value.id in OWN)
    if (isinstance(f, ast.Name) and f.id == "open") or (isinstance(f, ast.Attribute) and f.attr == "open"):
        modes = [
            a for a in (*call.args, *(k.value for k in call.keywords if k.arg == "mode")) if isinstance(a, ast.Constant)
        ]
        return any(isinstance(m.value, str) and len(m.value) <= 3 and set(m.value) & set("wx+") for m in modes)
    return False


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("open(p, 'w')", True),
        ("p.open('wb')", True),
        ("p.open(mode='x')", True),
        ("p.write_text(t)", True),
        ("files.write_text(p, t)", False),
        ("open(p)", False),
        ("p.open('rb')", False),
        ("shutil.copyfile(a, b)", True),
    ],
)
def test_the_rule_itself(line, bad):
    assert writes(ast.parse(line, mode="eval").body) is bad
