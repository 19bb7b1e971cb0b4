"""Pieces of a page as HTML. Whatever came from data, models or people is escaped by `Markup.format`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..data.finding import Finding
from ..errors import UserError
from ..pages import glyphs
from ..pages.beside import Answer, Row
from .progress import ENDINGS, Stage, shown_loss
from .rows import in_words
from .standing import Cell
from .voice import Voice
from .words import say


def joined(parts: Iterable[Any]) -> Markup:
    return Markup("").join(parts)


def paragraphs(texts: Iterable[str], style: str = "") -> Markup:
    return joined(Markup('<p class="{}">{}</p>').format(style, text) for text in texts)


def note(text: str) -> Markup:
    """A quiet sentence: an empty state, a hint."""
    return Markup('<p class="lt-note">{}</p>').format(text) if text else Markup("")


def warn(text: str) -> Markup:
    """What must not be overlooked."""
    return Markup('<p class="lt-warn">{}</p>').format(text)


def listed(texts: Iterable[str]) -> Markup:
    return Markup('<ul class="lt-list">{}</ul>').format(joined(Markup("<li>{}</li>").format(text) for text in texts))


def findings(found: Sequence[Finding], language: str) -> Markup:
    """Every finding as a sentence, with one row that shows it."""
    if not found:
        return note(say("nothing_wrong", language))
    lines = []
    for finding in found:
        first = next(iter(finding.examples), None)
        beside = f" ↔ {first['other']}" if first and "other" in first else ""
        shown = f"{first['row']}{beside}: {first['text']}" if first else ""
        shape = Markup('<li>{} <span class="quiet">{}</span></li>')
        lines.append(shape.format(in_words(finding, language), shown))
    return Markup('<ul class="lt-list">{}</ul>').format(joined(lines))


def fault(error: UserError, language: str) -> Markup:
    """What happened, what was possible, what to do."""
    rows = [Markup("<dt>{}</dt><dd>{}</dd>").format(say(name, language), text) for name, text in _advice(error)]
    shape = Markup('<div class="lt-fault" role="alert"><p>{}</p><dl>{}</dl></div>')
    return shape.format(error.what, joined(rows))


def _advice(error: UserError) -> list[tuple[str, str]]:
    return [(name, text) for name, text in (("possible", error.possible), ("do", error.do)) if text]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], style: str = "") -> Markup:
    """A plain table."""
    heads = joined(Markup("<th>{}</th>").format(name) for name in head)
    lines = joined(
        Markup("<tr>{}</tr>").format(joined(Markup("<td>{}</td>").format(cell) for cell in row)) for row in rows
    )
    shape = Markup('<div class="lt-scroll"><table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return shape.format(style, heads, lines)


def sortable(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Markup:
    """A table whose headings sort it; the script of the page does that."""
    heads = joined(
        Markup('<th class="{}"><button type="button" class="lt-sort">{}</button></th>').format("number" * (n > 0), name)
        for n, name in enumerate(head)
    )
    lines = joined(Markup("<tr>{}</tr>").format(joined(map(_cell, row))) for row in rows)
    shape = Markup(
        '<div class="lt-scroll"><table class="lt-sortable"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    )
    return shape.format(heads, lines)


def _cell(cell: Cell) -> Markup:
    value = "" if cell.value is None else repr(cell.value)
    if cell.mark is not None:
        return Markup('<td data-value="{}" class="named">{} {}</td>').format(
            cell.text, glyphs.badge(cell.mark), Markup("<code>{}</code>").format(cell.text)
        )
    return Markup('<td class="number" data-value="{}">{}</td>').format(value, cell.text)


def plot(figure: Any, caption: str) -> Markup:
    """A drawing for wide and for narrow pages, and what its marks mean."""
    key = joined(
        Markup('<li>{} <code>{}</code> <span class="quiet">{}</span></li>').format(glyphs.badge(e.mark), e.name, text)
        for e, text in figure.key
    )
    shape = Markup(
        '<figure class="lt-plot"><figcaption>{}</figcaption><div class="wide">{}</div>'
        '<div class="narrow">{}</div><ul class="key">{}</ul></figure>'
    )
    return shape.format(caption, figure.wide, figure.narrow, key)


def stages(found: Sequence[Stage], named: Mapping[str, tuple[int, str]], language: str) -> Markup:
    """Every trial with a bar."""
    return Markup('<ol class="lt-stages">{}</ol>').format(joined(_stage(s, *named[s.id], language) for s in found))


def _stage(stage: Stage, mark: int, name: str, language: str) -> Markup:
    steps = say("steps_of", language, steps=f"{stage.steps:,}", of=f"{stage.of:,}") if stage.of else ""
    loss = say("loss_of", language, loss=shown_loss(stage)) if stage.loss is not None else ""
    said = " · ".join(text for text in (say(f"phase_{stage.phase}", language), steps, loss) if text)
    why = Markup('<p class="why">{}</p>').format(stage.why) if stage.phase in ENDINGS and stage.why else ""
    shape = Markup(
        '<li class="{}"><span class="named">{} <code>{}</code></span><progress max="1" value="{}"></progress>'
        '<span class="quiet">{}</span>{}</li>'
    )
    return shape.format(stage.phase, glyphs.badge(mark), name, round(stage.share, 3), said, why)


def voices(found: Sequence[Voice], methods: Sequence[str], language: str) -> Markup:
    """What each method says; of a label, every label's probability as a bar. `methods`: the study's, in its order."""
    cards = []
    for voice in found:
        said = voice.text or say("empty_answer", language)
        shape = Markup('<article class="lt-voice"><h3>{} <code>{}</code></h3><p class="said">{}</p>{}</article>')
        mark = methods.index(voice.method) if voice.method in methods else len(methods)
        cards.append(shape.format(glyphs.badge(mark), voice.method, said, _shares(voice.shares)))
    return Markup('<div class="lt-voices">{}</div>').format(joined(cards))


def _shares(shares: Mapping[str, float]) -> Markup:
    if not shares:
        return Markup("")
    rows = joined(
        Markup('<dt>{}</dt><dd><progress max="1" value="{}"></progress> {}</dd>').format(
            label, round(share, 4), f"{share:.1%}"
        )
        for label, share in sorted(shares.items(), key=lambda item: -item[1])
    )
    return Markup('<dl class="shares">{}</dl>').format(rows)


def fields(found: Mapping[str, str]) -> Markup:
    """The columns of a row."""
    return joined(Markup('<h4>{}</h4><p class="text">{}</p>').format(name, text) for name, text in found.items())


def row_beside(row: Row, language: str) -> Markup:
    """One test row: what was asked, the references, every different answer with who gave it."""
    references = paragraphs(row.references, "text reference")
    answers = joined(map(_answer, row.answers))
    shape = Markup('<div class="lt-beside"><div>{}<h4>{}</h4>{}</div><div>{}</div></div>')
    return shape.format(fields(row.fields), say("reference", language), references, answers)


def _answer(answer: Answer) -> Markup:
    voices = joined(
        Markup("<span>{} <code>{}</code> {}</span>").format(
            glyphs.badge(v.mark), v.name, "" if v.value is None else f"{100 * v.value:.1f}"
        )
        for v in answer.voices
    )
    return Markup('<div class="answer"><p class="who">{}</p><p class="text">{}</p></div>').format(voices, answer.text)
