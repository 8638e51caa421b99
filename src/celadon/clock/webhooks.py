"""The courier: attempts the deliveries of webhooks, in threads, a few at once and never two of one webhook.

A slow server holds up its own webhook, and those of its app's owner at most. An attempt is kept in the store before it is
made: who is killed in it makes another one later, so that a delivery arrives at least once.
"""

import json
import logging
import threading
from collections import Counter
from datetime import timedelta

import celadon
from celadon.actions import webhook_deliveries
from celadon.actions.context import Context, now
from celadon.actions.webhook_deliveries import Attempt
from celadon.clock import posting
from celadon.model import destination
from celadon.model import webhook as rules
from celadon.model.webhook import Told

# Attempts at once: in all, and of the webhooks of one owner.
_AT_ONCE = 32
_OF_OWNER = 4
# Longer than an attempt lasts, with its two transactions.
_LEASE = timedelta(seconds=30)

log = logging.getLogger(__name__)


class Courier:
    """Attempts what is due, each within `seconds`. Threads of its own call `ensure` again when they are done."""

    def __init__(self, context: Context, seconds: float = posting.SECONDS) -> None:
        self._context = context
        self._seconds = seconds
        self._tls = posting.trust(context.settings)
        self._lock = threading.RLock()
        self._under_way: Counter[str] = Counter()

    def ensure(self) -> int:
        """Begin the attempts that are due and have room; returns how many."""
        with self._lock:
            due_at = webhook_deliveries.next_due(self._context)
            room = _AT_ONCE - self._under_way.total()
            if due_at is None or due_at > now() or room <= 0:
                return 0
            begun = 0
            for delivery, owner_id in webhook_deliveries.due(self._context, _OF_OWNER, _AT_ONCE * 2):
                if begun == room:
                    break
                if self._under_way[owner_id] >= _OF_OWNER:
                    continue
                attempt = webhook_deliveries.begin(self._context, delivery, owner_id, _LEASE)
                if attempt is not None:
                    self._under_way[owner_id] += 1
                    begun += 1
                    threading.Thread(target=self._run, args=(attempt,), daemon=True).start()
            return begun

    def busy(self) -> int:
        """Attempts that are under way."""
        with self._lock:
            return self._under_way.total()

    def _run(self, attempt: Attempt) -> None:
        try:
            told = self._attempt(attempt)
            status = webhook_deliveries.end(self._context, attempt, told)
            log.info(
                "at=deliver webhook=%s delivery=%s attempt=%d status=%s code=%s error=%s",
                attempt.webhook.id,
                attempt.delivery.id,
                attempt.delivery.num_attempts,
                status,
                told.code or "-",
                told.error_class or "-",
            )
        except Exception:
            # The delivery is attempted again when its lease has ended.
            log.exception("at=deliver webhook=%s delivery=%s", attempt.webhook.id, attempt.delivery.id)
        finally:
            # In one: whoever sees that nobody is busy knows that no thread begins anything any more.
            with self._lock:
                self._under_way[attempt.owner_id] -= 1
                self.ensure()

    def _attempt(self, attempt: Attempt) -> Told:
        assert attempt.secret.value is not None, "every webhook has a secret"
        body = rules.body(attempt.event, attempt.webhook.id, attempt.delivery.id, attempt.id)
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"celadon/{celadon.__version__}",
            "Heroku-Webhook-Hmac-SHA256": rules.signature(attempt.secret.value, content),
        }
        if attempt.authorization.value is not None:
            headers["Authorization"] = attempt.authorization.value
        to = destination.parse(attempt.webhook.url)
        return posting.post(self._context.settings, self._tls, to, content, headers, self._seconds)
