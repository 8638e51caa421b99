"""Promotions: the slug of one app is copied for another, one after the other, beside the builds."""

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from celadon.actions import promotions
from celadon.actions.context import Context
from celadon.actions.promotions import Copy
from celadon.build import slug
from celadon.model.promotion import Target
from celadon.model.slug import Slug

log = logging.getLogger(__name__)


class Promotions:
    """The copies that are to be made; `bell` is rung after each. One disk: two at once would only be slower."""

    def __init__(self, context: Context, bell: Callable[[], None]) -> None:
        self.context = context
        self._bell = bell
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="promotion")
        self._begun: set[str] = set()

    def ensure(self) -> str:
        """Take up the targets that have no release yet; returns which, in words."""
        # Remembered first: what ends while we look is not begun again.
        begun = frozenset(self._begun)
        fresh = [target for target in promotions.unreleased(self.context) if target.id not in begun]
        for target in fresh:
            self._begun.add(target.id)
            self._pool.submit(self._promote, target)
        return ", ".join(target.id[:8] for target in fresh)

    def _promote(self, target: Target) -> None:
        try:
            self.promote(target)
        except Exception:
            # It must end, whatever went wrong in our own code or on the disk: somebody waits for it.
            log.exception("at=promotion-broke target=%s", target.id)
            reason = "the platform could not copy the slug; its operator finds the reason in the build role's log"
            promotions.fail(self.context, target.id, reason)
        finally:
            self._begun.discard(target.id)
            self._bell()

    def promote(self, target: Target) -> None:
        """Copy the slug for one app and make its release; safe to do again after it was interrupted anywhere."""
        copy = promotions.begin(self.context, target)
        if copy is None:
            promotions.fail(self.context, target.id, "the app was destroyed")
            return
        try:
            made = promotions.release(self.context, target.id, copy.present or self._copied(copy))
        except slug.SlugError as error:
            promotions.fail(self.context, target.id, str(error))
            return
        log.info("at=promoted target=%s app=%s release=%s", target.id, copy.app.name, made.name if made else "none")

    def _copied(self, copy: Copy) -> Slug:
        blobs, slug_id = self.context.blobs, str(uuid.uuid4())
        uid = self.context.settings.uid_base + copy.app.number
        assert copy.slug.checksum is not None, "a slug without its bytes has no release"
        checksum = slug.copy_for(blobs.slug(copy.slug.id), blobs.slug(slug_id), uid, copy.slug.checksum)
        return promotions.copied(copy, slug_id, checksum)
