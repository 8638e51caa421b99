import pytest

from celadon.model import fork
from celadon.model.errors import InvalidParams
from celadon.model.fork import AddOn, Content

DATABASE = AddOn(id="1", name="pg-1", plan="heroku-postgresql:mini", attachments=("DATABASE", "HEROKU_POSTGRESQL_RED"))
CACHE = AddOn(id="2", name="redis-1", plan="heroku-redis:mini", attachments=("REDIS",))
SOURCE = Content(name="shop", released=True, config={"A": "1", "B": "2"}, addons=(DATABASE, CACHE), buildpacks=("u",))


def target(**values: object) -> Content:
    return Content(**{"name": "copy", "released": False, "config": {}, **values})  # type: ignore[arg-type]


def test_a_new_app_lacks_everything() -> None:
    found = fork.missing(SOURCE, target())
    assert (found.config, found.addons, found.names, found.buildpacks) == (
        {"A": "1", "B": "2"},
        (DATABASE, CACHE),
        {},
        ("u",),
    )


def test_what_a_half_made_copy_has_is_not_made_again() -> None:
    half = AddOn(id="9", name="pg-9", plan="heroku-postgresql:basic", attachments=("DATABASE",))
    found = fork.missing(SOURCE, target(config={"A": "1"}, addons=(half,), buildpacks=("u",)))
    assert found.config == {"B": "2"}
    assert found.addons == (CACHE,)
    assert found.names == {"9": ("HEROKU_POSTGRESQL_RED",)}
    assert found.buildpacks == ()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"released": True}, "has code already"),
        ({"config": {"A": "other"}}, r"config vars of its own \(A\)"),
        ({"config": {"C": "3"}}, r"config vars of its own \(C\)"),
        ({"addons": (AddOn(id="9", name="x", plan="notes:free", attachments=("NOTES",)),)}, r"of its own \(x\)"),
        ({"addons": (AddOn(id="9", name="x", plan="notes:free", attachments=("REDIS",)),)}, r"of its own \(x\)"),
    ],
)
def test_an_app_that_is_no_copy_is_refused(values: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidParams, match=why):
        fork.missing(SOURCE, target(**values))


def test_without_databases() -> None:
    assert fork.without(SOURCE, fork.POSTGRES).addons == (CACHE,)


def test_values_are_in_no_repr() -> None:
    secret = target(config={"KEY": "s3cret"})
    assert "s3cret" not in repr(secret) + repr(fork.missing(secret, target()))
