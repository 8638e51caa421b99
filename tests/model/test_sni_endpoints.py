"""For which domains a certificate may be served."""

import pytest

from celadon.model.sni_endpoint import covers


@pytest.mark.parametrize(
    ("names", "hostname", "covered"),
    [
        (["www.example.com"], "www.example.com", True),
        (["*.example.com"], "www.example.com", True),
        (["*.example.com"], "*.example.com", True),
        (["*.example.com"], "a.b.example.com", False),
        (["*.example.com"], "example.com", False),
        (["www.example.com"], "*.example.com", False),
        (["*.com"], "example.com", True),
        (["*"], "com", False),
    ],
)
def test_names_cover_domains_as_browsers_have_it(names: list[str], hostname: str, covered: bool) -> None:
    assert covers(names, hostname) is covered
