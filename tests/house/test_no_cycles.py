"""No module needs itself, by whatever way round."""

from __future__ import annotations

from tests.house.source import modules, own_imports


def test_every_strong_component_is_one_module():
    knots = [component for component in components({m: own_imports(m) for m in modules()}) if len(component) > 1]
    assert not knots, f"import cycles: {knots}"


def test_the_search_finds_a_cycle():
    found = components({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()})
    assert sorted(map(sorted, found)) == [["a", "b", "c"], ["d"]]


def components(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components: modules that reach each other."""
    reach = {start: reachable(graph, start) for start in graph}
    found: list[set[str]] = []
    for start in graph:
        if not any(start in component for component in found):
            found.append({start} | {other for other in reach[start] if start in reach[other]})
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for other in graph[waiting.pop()] - reached:
            reached.add(other)
            waiting.append(other)
    return reached
