"""What a dyno is told of its app, release and code, once the feature `runtime-dyno-metadata` is on."""

from celadon.model.app import App
from celadon.model.dyno import Dyno
from celadon.model.release import Release
from celadon.model.slug import Slug


def variables(app: App, dyno: Dyno, release: Release, slug: Slug) -> dict[str, str]:
    """By the names that Heroku gives them; what is not known of the code is an empty text."""
    commit = slug.commit or ""
    return {
        "HEROKU_APP_ID": app.id,
        "HEROKU_APP_NAME": app.name,
        "HEROKU_BUILD_COMMIT": commit,
        "HEROKU_BUILD_DESCRIPTION": slug.commit_description or "",
        "HEROKU_DYNO_ID": dyno.id,
        "HEROKU_RELEASE_CREATED_AT": f"{release.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "HEROKU_RELEASE_VERSION": release.name,
        "HEROKU_SLUG_COMMIT": commit,
        "HEROKU_SLUG_DESCRIPTION": release.description,
    }
