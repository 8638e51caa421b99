"""What is shown of the sample app's page."""

from celadon.platform import sample


def test_first_line_is_what_a_reader_sees_first() -> None:
    page = "<!doctype html><html><head><title>No</title><style>p {}</style></head>\n<body>\n<h1>Hello &amp; welcome</h1><p>x"
    assert sample.visible_line(page) == "Hello & welcome"


def test_plain_text_is_its_own_first_line() -> None:
    assert sample.visible_line("\n  one\ntwo\n") == "one"
