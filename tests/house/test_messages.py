"""A user's mistake is answered with what happened (and the value), what was possible, and what to do."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import modules, place

USER_ERRORS = {"UserError", "DataError", "SpellingError", "Refused"}

NO_VALUE = {
    "One of DATA and --text is needed.": "nothing or both were typed",
    "No data named.": "nothing was typed",
    "bleu counts with sacrebleu, which is not installed.": "the library is missing, whatever was typed",
    "peft(…) needs the peft library.": "the library is missing, whatever was typed",
    "There are 0 predictions, and no rows have no score.": "the value is the 0",
    "No metric is named.": "nothing was typed",
    "There are no training rows.": "nothing is there",
    "There are no rows to tell the task from.": "nothing is there",
    "There is nothing to train in this delta.": "nothing is there",
}
"""Message -> why it holds no value."""


def user_errors() -> list[tuple[str, ast.Call]]:
    found = []
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and ast.unparse(node.exc.func) in USER_ERRORS
            ):
                found.append((module, node.exc))
    return found


RAISED = user_errors()


@pytest.mark.parametrize(("module", "call"), RAISED, ids=[place(m, c) for m, c in RAISED])
def test_what_with_the_value_and_what_was_possible(module, call):
    if any(isinstance(a, ast.Starred) for a in call.args):
        return  # an error that a child process raised with all its parts
    given = [*call.args, *(k.value for k in call.keywords)]
    assert len(given) >= 2, "says what happened, not what was possible"
    for what in alternatives(given[0]):
        if isinstance(what, ast.Constant):
            assert what.value in NO_VALUE, "holds no value: use an f-string, or say in NO_VALUE why there is none"
        else:
            assert any(isinstance(n, ast.FormattedValue | ast.Name) for n in ast.walk(what)), "holds no value"
    assert not (isinstance(given[1], ast.Constant) and not given[1].value), "`possible` is empty"


def alternatives(what: ast.expr) -> list[ast.expr]:
    return [*alternatives(what.body), *alternatives(what.orelse)] if isinstance(what, ast.IfExp) else [what]


def test_no_exception_is_left_over():
    said = {w.value for _, call in RAISED for w in alternatives(call.args[0]) if isinstance(w, ast.Constant)}
    assert set(NO_VALUE) == said


def test_there_are_errors_to_check():
    assert len(RAISED) > 50
