"""Releases: list, one, rollback, a release of a slug."""

from celadon.actions import releases
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.release import Release, ReleaseStatus

_ATTRIBUTES = {"version": lambda release: release.version, "id": lambda release: release.id}


def list_of(call: Call) -> Listing:
    app, found, current = releases.list_of(call.context, call.actor, call.app)
    authors = releases.authors(call.context, found)
    phases = releases.with_phase(call.context, found)

    def shaped(release: Release) -> dict[str, object]:
        return shape(call, app, release, current, authors[release.account_id], phase=release.id in phases)

    return Listing(items=found, attributes=_ATTRIBUTES, shape=shaped)


def show(call: Call) -> Answer:
    return _answer(call, call.app, call.params["release"])


def create(call: Call) -> Answer:
    body = call.body()
    to, slug = body.reference("release"), body.reference("slug")
    if to is not None:
        made = releases.rollback(call.context, call.actor, call.app, to)
    elif slug is not None:
        made = releases.create_from_slug(
            call.context, call.actor, call.app, slug, description=body.text("description", 200)
        )
    else:
        raise InvalidParams("cannot make a release of nothing: name a `release` to go back to, or a `slug`")
    return _answer(call, made.app_id, made.id, 201)


def _answer(call: Call, app_name: str, release_id: str, status: int = 200) -> Answer:
    app, release, current = releases.find(call.context, call.actor, app_name, release_id)
    author = releases.authors(call.context, [release])[release.account_id]
    phase = bool(releases.with_phase(call.context, [release]))
    value = shape(call, app, release, current, author, phase=phase)
    return Answer(value=value, status=status, changed_at=release.updated_at)


def shape(
    call: Call, app: App, release: Release, current: Release | None, author: Account, *, phase: bool
) -> dict[str, object]:
    return {
        "addon_plan_names": [],
        "app": shapes.app(app),
        "artifacts": [],
        "created_at": shapes.instant(release.created_at),
        "current": current is not None and current.id == release.id,
        "description": release.description,
        "eligible_for_rollback": release.slug_id is not None and release.status is ReleaseStatus.SUCCEEDED,
        "id": release.id,
        "output_stream_url": _output_url(call, release) if phase else None,
        "slug": {"id": release.slug_id} if release.slug_id else None,
        "status": release.status,
        "updated_at": shapes.instant(release.updated_at),
        "user": shapes.user(author),
        "version": release.version,
    }


def _output_url(call: Call, release: Release) -> str:
    key = releases.output_key(call.context, release.id)
    return f"{call.api_url}/builds-output/release/{release.id}/{key}"
