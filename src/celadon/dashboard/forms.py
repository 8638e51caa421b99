"""Pages with several forms: each says by its button which step is wanted."""

from collections.abc import Callable, Mapping

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.model.errors import CeladonError, InvalidParams, NotFound

Form = Mapping[str, str]


def take(call: Call, steps: Mapping[str, Callable[[Form], str]], again: Callable[[int, str], Page]) -> Page:
    """Take the step that the form names, then go where it says, so that nothing is sent twice; `again` makes the page with
    the status and the words of an error. Raises NotFound for a step that there is not."""
    form = call.form()
    step = steps.get(form.get("step", ""))
    if step is None:
        raise NotFound("page", "Couldn't find that step: go back and use the page's buttons.")
    try:
        return Page(status=303, location=step(form))
    except CeladonError as error:
        return again(error.status, error.message)


def confirm(form: Form, word: str, intent: str) -> None:
    """Raises InvalidParams unless the word was typed."""
    if form.get("confirm", "").strip() != word:
        raise InvalidParams(f"cannot {intent}: type {word} to confirm it")


def text(form: Form, name: str) -> str | None:
    """What was typed; None for nothing."""
    return form.get(name, "").strip() or None
