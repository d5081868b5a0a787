"""A page by keyboard alone: where Tab leads, and whether one sees where one is."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_FOCUSABLE = """() => {
    const found = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
    const shown = each => each.checkVisibility() && !each.disabled && each.type !== 'hidden'
        && !each.closest('details:not([open]) > :not(summary)');
    const first = each => each.type !== 'radio' || (each.form.elements[each.name].value || each.value) === each.value;
    window.stops = found.filter(each => shown(each) && first(each));
    return window.stops.map(each => each.outerHTML.slice(0, 120));
}"""
_WHERE = """() => {
    const here = document.activeElement, style = getComputedStyle(here), box = here.getBoundingClientRect();
    const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const inside = box.bottom > 0 && box.top < innerHeight;
    return { number: window.stops.indexOf(here), seen: seen && inside, html: here.outerHTML.slice(0, 120) };
}"""


def walk(page: Page) -> list[str]:
    """Tab through the whole page; what was missed, out of order, or not to be seen when it had the focus."""
    stops: list[str] = page.evaluate(_FOCUSABLE)
    page.evaluate("() => { document.activeElement.blur(); document.body.focus(); }")
    page.evaluate("() => getSelection().setPosition(document.body, 0)")
    wrong, numbers = [], []
    for _ in stops:
        page.keyboard.press("Tab")
        where: dict[str, Any] = page.evaluate(_WHERE)
        numbers.append(where["number"])
        if not where["seen"]:
            wrong.append(f"not seen: {where['html']}")
    wrong += [f"missed: {stop}" for number, stop in enumerate(stops) if number not in numbers]
    if numbers != sorted(numbers):
        wrong.append(f"out of order: {numbers}")
    return wrong


def tab_to(page: Page, text: str, *, most: int = 120) -> None:
    """Press Tab until what has the focus is called ``text``."""
    for _ in range(most):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const here = document.activeElement; return here.ariaLabel || here.labels?.[0]?.textContent.trim()"
            " || here.textContent.trim() || here.value || ''; }"
        )
        if name == text:
            return
    raise AssertionError(f"Tab does not lead to {text!r}.")
