"""The page that lists the routes; nothing of it comes from elsewhere, so it works without a network."""

from __future__ import annotations

import html
from typing import Any

STYLE = "body{font:16px system-ui;margin:3em auto;max-width:50em}td{padding:.3em .8em;vertical-align:top}"


def page_of(spec: dict[str, Any]) -> str:
    """An OpenAPI description as one HTML page."""
    rows = [
        f"<tr><td>{verb.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(facts.get('description') or facts.get('summary', ''))}</td></tr>"
        for path, verbs in spec["paths"].items()
        for verb, facts in verbs.items()
    ]
    about = html.escape(spec["info"]["description"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>luthier serve</title><style>{STYLE}</style>'
        f'<h1>luthier serve</h1><p>{about} <a href="/openapi.json">openapi.json</a></p>'
        f"<table>{''.join(rows)}</table></html>"
    )
