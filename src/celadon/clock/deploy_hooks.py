"""Tells people and programs of deploys: by mail, HTTP and IRC, a few at once and never two of one app.

An attempt is kept in the store before it is made: who is killed in it makes another one later, so that each is told at least
once. Letters go to the outbox in the transaction that ends the delivery: those are written once.
"""

import logging
import threading
from datetime import timedelta

import celadon
from celadon.actions import deploy_hooks
from celadon.actions.context import Context
from celadon.actions.deploy_hooks import Attempt
from celadon.clock import irc, posting
from celadon.model import deploy_hook as rules
from celadon.model import destination
from celadon.model.deploy_hook import Chat, Letter, Post
from celadon.model.logline import Source
from celadon.store.lines import Lines

SOURCE = Source(source="heroku", ps="deployhooks")
_AT_ONCE = 8
_ROUND = 100
# Longer than an attempt lasts, with its two transactions.
_LEASE = timedelta(seconds=irc.SECONDS + 20)

log = logging.getLogger(__name__)


class Hooks:
    """Attempts what is due, each within `seconds` (IRC has its own). Threads call `ensure` again when they are done."""

    def __init__(self, context: Context, seconds: float = posting.SECONDS) -> None:
        self._context = context
        self._seconds = seconds
        self._tls = posting.trust(context.settings)
        self._lines = Lines(context.settings.home)
        self._lock = threading.RLock()
        # Apps of which something is being told.
        self._under_way: set[str] = set()

    def ensure(self) -> int:
        """Begin the attempts that are due and have room; returns how many."""
        with self._lock:
            begun = 0
            for delivery in deploy_hooks.due(self._context, _ROUND):
                if len(self._under_way) >= _AT_ONCE:
                    break
                if delivery.app_id in self._under_way:
                    continue
                attempt = deploy_hooks.begin(self._context, delivery, _LEASE)
                if attempt is not None:
                    self._under_way.add(delivery.app_id)
                    begun += 1
                    threading.Thread(target=self._run, args=(attempt,), daemon=True).start()
            return begun

    def busy(self) -> int:
        """Attempts that are under way."""
        with self._lock:
            return len(self._under_way)

    def _run(self, attempt: Attempt) -> None:
        try:
            self._attempt(attempt)
        except Exception:
            # It is attempted again when its lease has ended.
            log.exception("at=hook hook=%s release=%s", attempt.hook.id, attempt.delivery.release_id)
        finally:
            # In one: whoever sees that nobody is busy knows that no thread begins anything any more.
            with self._lock:
                self._under_way.discard(attempt.delivery.app_id)
                self.ensure()

    def _attempt(self, attempt: Attempt) -> None:
        said = rules.message(attempt.hook, attempt.deploy)
        if isinstance(said, Letter):
            unwritten = deploy_hooks.mail(self._context, attempt, said)
            if written := [recipient for recipient in said.recipients if recipient not in unwritten]:
                self._say(attempt, rules.sent_line(attempt.hook, ", ".join(written)))
            if unwritten:
                why = "too many letters were written to it within ten minutes"
                self._say(attempt, rules.failed_line(attempt.hook, why, None, ", ".join(unwritten)))
            return
        error = self._post(said) if isinstance(said, Post) else self._chat(said)
        again = deploy_hooks.end(self._context, attempt, error)
        if error is None:
            self._say(attempt, rules.sent_line(attempt.hook))
        else:
            self._say(attempt, rules.failed_line(attempt.hook, error, again))

    def _post(self, said: Post) -> str | None:
        """Why it could not be sent, None when it was."""
        headers = {"User-Agent": f"celadon/{celadon.__version__}", **said.headers}
        to = destination.parse(said.url)
        told = posting.post(self._context.settings, self._tls, to, said.content, headers, self._seconds)
        return None if told.good else f"it answered {told.code}" if told.code else str(told.error_class)

    def _chat(self, said: Chat) -> str | None:
        try:
            irc.tell(self._context.settings, self._tls, said)
        except irc.ChatRefused as error:
            return f"the server said: {error}"
        except (OSError, ValueError) as error:
            return type(error).__name__
        return None

    def _say(self, attempt: Attempt, line: str) -> None:
        self._lines.append(attempt.delivery.app_id, SOURCE, line)
        log.info(
            "at=hook hook=%s release=%s attempt=%d",
            attempt.hook.id,
            attempt.delivery.release_id,
            attempt.delivery.attempts,
        )
