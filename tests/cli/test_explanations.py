"""What `logs --explain` says below lines with a code."""

import pytest

from celadon.cli.commands.explanations import Explainer
from celadon.model.error_code import CODES

H12 = (
    '2026-11-29T05:00:00.123456+00:00 heroku[router]: at=error code=H12 desc="Request timeout" method=GET path="/slow?a=b" '
    'host=shop.localhost request_id=x fwd="127.0.0.1" dyno=web.1 connect=0ms service=30001ms status=503 bytes=0 protocol=http'
)
R14 = "2026-11-29T05:00:00.123456+00:00 heroku[worker.2]: Error R14 (Memory quota exceeded)"


def test_a_code_is_explained_whole_once_and_then_what_is_particular() -> None:
    explainer = Explainer()
    first = explainer.explain(H12)
    assert first[0].startswith(
        "    H12 (Request timeout): GET /slow?a=b on web.1 was answered with 503 after 30.0 seconds. "
    )
    assert CODES["H12"].meaning in first[0] and first[1] == f"    What helps: {CODES['H12'].remedy}"
    assert explainer.explain(H12) == [
        "    H12: GET /slow?a=b on web.1 was answered with 503 after 30.0 seconds.",
    ]


def test_a_dynos_code_names_the_dyno() -> None:
    assert Explainer().explain(R14)[0].startswith("    R14 (Memory quota exceeded): worker.2: ")


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-29T05:00:00.123456+00:00 app[web.1]: at=error code=H12 desc=forged",
        "2026-11-29T05:00:00.123456+00:00 app[web.1]: heroku said Error R14",
        "2026-11-29T05:00:00.123456+00:00 heroku[web.1]: State changed from starting to up",
        "2026-11-29T05:00:00.123456+00:00 heroku[router]: at=info method=GET path=\"/code=H12\"",
        "2026-11-29T05:00:00.123456+00:00 heroku[router]: at=error code=Z99",
        "",
    ],
)  # fmt: skip
def test_what_has_no_code_of_the_platform_is_not_explained(line: str) -> None:
    assert Explainer().explain(line) == []
