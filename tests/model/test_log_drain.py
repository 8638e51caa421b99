"""Which URLs a log drain may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import log_drain
from celadon.model.errors import InvalidParams


@pytest.mark.parametrize(
    "url",
    [
        "syslog://logs.example.com",
        "syslog://logs.example.com:514",
        "syslog+tls://logs.example.com:6514",
        "syslog://localhost/add",
        "syslog://192.0.2.1:514",
        "syslog://[2001:db8::1]:514",
        "https://logs.example.com/path?token=a&b=c",
        "https://user:pass@logs.example.com:8443/",
        "HTTPS://Logs.Example.com/",
    ],
)
def test_urls_of_drains(url: str) -> None:
    assert log_drain.check_url(url) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "ASCII"),
        ("https://a b/", "ASCII"),
        ("https://b\u00fccher.example/", "ASCII"),
        ("https://a.example/" + "x" * 2000, "ASCII"),
        ("https://a.example/\n", "ASCII"),
        ("http://logs.example.com", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("logs.example.com:514", "must begin with"),
        ("syslog://", "names no host"),
        ("https:///path", "names no host"),
        ("https://-x.example/", "names no host"),
        ("syslog://logs.example.com:0", "names no host"),
        ("syslog://logs.example.com:99999", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("syslog://user:pass@logs.example.com", "no user name"),
        ("https://logs.example.com/#part", "fragment"),
    ],
)
def test_what_is_no_url_of_a_drain(url: str, words: str) -> None:
    with pytest.raises(InvalidParams, match=words):
        log_drain.check_url(url)


@given(st.text(max_size=60) | st.from_regex(r"(https|syslog)://[ -~]{0,30}", fullmatch=True))
def test_any_text_is_taken_or_refused(url: str) -> None:
    try:
        assert log_drain.check_url(url) == url
    except InvalidParams as error:
        assert error.message.startswith("cannot add this drain")
