"""Requests as nobody should send them: every route of ours and every link of the published schema, with bodies that fit
it, bodies broken on purpose, nonsense, hostile paths, headers and queries.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from tests.api import addons_role, schema
from tests.api.examples import PAIR
from tests.api.world import ACCEPT, OTHER_KEY, basic

from celadon.api.role import ROUTES

Draw = Callable[[st.SearchStrategy[Any]], Any]

_UUID = "01234567-89ab-cdef-0123-456789abcdef"


@dataclass(frozen=True)
class Sent:
    """One request on the wire. `who` is the holder of its token, "" when it has none or a broken one."""

    method: str
    target: bytes
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    who: str

    def header(self, name: str) -> str:
        return next((value.decode("latin-1") for found, value in self.headers if found.lower() == name), "")


def curl(sent: Sent) -> str:
    """The request as a line for a shell; a token is written as the name of its holder, a long body by its beginning."""
    words = [
        f"curl -i --path-as-is --unix-socket api.sock -X {sent.method}",
        _quoted(b"http://localhost" + sent.target),
    ]
    for name, value in sent.headers:
        secret = name == "Authorization" and sent.who
        words.append(
            f'-H "Authorization: Bearer ${sent.who}"' if secret else f"-H {_quoted(name.encode() + b': ' + value)}"
        )
    if not sent.body:
        return " ".join(words)
    printed = "".join(
        f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b"'\\%" else chr(byte) for byte in sent.body[:600]
    )
    more = f"  # and so on: {len(sent.body):,} bytes" if len(sent.body) > 600 else ""
    return f"printf '{printed}' | {' '.join(words)} --data-binary @-{more}"


def _quoted(raw: bytes) -> str:
    text = raw if len(raw) < 600 else raw[:600] + b"..."
    escaped = "".join(f"\\x{byte:02x}" if byte < 32 or byte > 126 or byte in b"'\\" else chr(byte) for byte in text)
    return f"$'{escaped}'" if escaped.encode() != text else f"'{escaped}'"


# What a value may be that nobody expects.
HOSTILE_TEXT = [
    "", " ", "\x00", "a\x00b", "\ud800", "x\udfff", "\ufeff", "\u202e", "\u2028", "é", "\U0001f600", "Ⅷ", "²", "\r\nX: y", "\x7f",
    "'", '"', "'; drop table apps; --", "' or '1'='1", "%", "%s%n", "{}", "${jndi:ldap://x}", "$(id)", "`id`", "| id", "-x",
    "--upload-pack=x", "../../../etc/passwd", "..", ".", "/", "\\", "~", "*", "null", "true", "0", "-1", "1e9", "NaN",
    "9" * 40, "x" * 300, "x" * 70_000, "\x00" * 5000, "<script>alert(1)</script>", "file:///etc/passwd", "http://a b", "https://[",
    "http://169.254.169.254/", "javascript:alert(1)", "a@b", "@", _UUID, _UUID.upper(), "v0", "v99999999999999999999", "web.0",
    "web.99999999999999999999", "-----BEGIN PRIVATE KEY-----", "ssh-rsa AAAA", "ssh-ed25519 " + "A" * 5000,
]  # fmt: skip
_HOSTILE_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**17, 10**18, -(10**30), 1e308, [], {}, [None], [[]], {"": ""}, {"id": None},
    {"name": {"name": "x"}}, {"id": 5}, ["x"] * 2000, {f"k{n}": n for n in range(500)}, [[[[[[[["deep"]]]]]]]],
]  # fmt: skip
_SCALARS = (
    st.sampled_from(HOSTILE_TEXT)
    | st.sampled_from(_HOSTILE_VALUES)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
_LIMIT = 1 << 20
# Bodies that are no JSON object, and those that are one only just.
JUNK = [
    b"{", b'{"name": }', b"name=example&stack=cedar", b"<?xml version='1.0'?><app/>", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00", b'{"name": "\xed\xa0\x80"}', b'{"name": "\\ud800"}', b'{"name": "\\u0000"}',
    b'{"name": NaN}', b'{"name": 1e999}', b'{"name": -0}', b'{"quantity": ' + b"9" * 5000 + b"}", b"null", b"7", b"true", b'"text"',
    b"[]", b"[[]]", b"{}{}", b"{} trailing", b"\x00", b"\x00" * 4096, b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}",
    b"[" * 200_000, b'{"a":' * 100_000, b'{"a":' * 31 + b"1" + b"}" * 31, b"x" * _LIMIT, b"x" * (_LIMIT + 1), b"\xf0\x9f" * 500_000,
    b'{"A": "' + b"x" * (_LIMIT - 100) + b'"}', b'{"name": "' + b"\\u00e9" * 150_000 + b'"}',
    b"{" + b",".join(b'"K%d": "v"' % n for n in range(60_000)) + b"}", b'{"updates": [' + b",".join([b"{}"] * 100_000) + b"]}",
    b'{"name": "first", "name": "second"}', b'{"quantity": "5", "quantity": 6}', b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--",
]  # fmt: skip
_ACCEPTS = [
    "", "*/*", "application/json", "application/vnd.heroku+json", "application/vnd.heroku+json; version=2",
    "application/vnd.heroku+json; version=3.sdk", "application/vnd.heroku+json; version=3.\xe9",
    "application/vnd.heroku+json;version=3;q=0.1, text/html", "version=3", "application/vnd.heroku+json; version=" + "3" * 5000,
]  # fmt: skip
_RANGES = [
    "", "version ..; order=desc,max=1", "version ..; max=15, order=desc", "id ..; max=1000;", "seq ..; order=desc,max=1000",
    "number ..; order=desc,max=1", "id ..; ;", "domain ..; ;", "name a..b; max=10,order=desc", "bytes=0-99", "nonsense", "id", "..",
    "id ....", "id ]..[", "id ]]a..b[[; max=1", "version a..b", "version 3..1", "version ]2..", "version ..; max=0", "id ..; max=-1",
    "version ..; max=9999999999", "version 1..99999999999999999999", "id ..; max=1; max=2; order=asc, order=desc", "id ..;=;==;",
    "version ²..", "name \xe9..\xff", "id ..; order=sideways", ";", ";;max=1", "created_at ..; max=1", "created_at 2020..2021",
    "id " + "a" * 9000 + "..", "version ..; " + "max=1," * 2000, "name '..\"", "version -1..", "version 1.5..2",
]  # fmt: skip
_TAGS = ["*", '"x"', "x", 'W/"x"', '"', ",,,", "", '"' + "a" * 8000 + '"', "\xe9", '"a", W/"b" , "c']
_CONTENT_TYPES = [
    "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
    "application/json; charset=utf-16", "x", "",
]  # fmt: skip
_OVERRIDES = [
    "PATCH",
    "patch",
    "DELETE",
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "TRACE",
    "",
    "x" * 3000,
    "\xe9",
    "PATCH, DELETE",
]
_QUERIES = [
    b"eq[name]=example", b"a=b&a=c", b"=", b"&&&", b"%00=%00", b"%ff=%fe", b"%", b"a" * 9000, b"x=1&" * 150, b"?a?b", b"limit=-1",
    b"\xc3\xa9=1", b"a[b][c]=d", b"'%20or%201=1",
]  # fmt: skip
_SEGMENTS = [
    b"%00", b"%ff", b"%2F", b"..", b".", b"%2e%2e", b"%2e%2e%2f%2e%2e%2fetc%2fpasswd", b"a%0ab", b"%0d%0aX:%20y", b"%", b"%zz", b"%u0041",
    b"%ed%a0%80", b"%f0%9f%98%80", b"\xc3\xa9", b"\xff", b"a" * 10_000, b"%61" * 5000, b"'", b"%27%20or%201=1--", b"~", b"*", b";", b"a;b",
    b"%25", b"%2525", b"-", b"_", b"v", b"v-1", b"0", b"99999999999999999999999", b"%C2%B2", b"web.", b".1", b"web.%D9%A1", b"+", b"%20",
    b"null", _UUID.encode(), b"", b"@", b"%40", b"[]", b"{}", b"|", b"\\", b"%5c",
]  # fmt: skip
_BROKEN_AUTHORIZATIONS = [
    "", "Bearer", "Bearer ", "bearer x", "Basic", "Basic !!!", "Basic /////w==", "Digest x", "x", "Bearer \xe9", "Bearer " + "x" * 9000,
    basic("", "x"), basic("x", "\x00"), basic("a@b", "wrong"), basic("", "HRKU-" + _UUID), "Bearer HRKU-" + _UUID, "Bearer " + _UUID,
    "Basic " + "A" * 9000, "Bearer null", "Bearer\tx",
]  # fmt: skip
_STRANGE_HEADERS = [
    ("Content-Type", _CONTENT_TYPES), ("If-Match", _TAGS), ("If-None-Match", _TAGS), ("Range", _RANGES),
    ("X-HTTP-Method-Override", _OVERRIDES), ("Accept", _ACCEPTS), ("X-Forwarded-Proto", ["https", "ftp", ""]),
    ("X-Forwarded-For", ["", "x", "192.0.2.1, 192.0.2.2", "," * 500]), ("Request-Id", ["x" * 7000, "\xe9", ",,,"]),
    ("Heroku-Two-Factor-Code", ["", "123456", "\xe9", "9" * 5000]), ("Heroku-Password", ["", "x", "\xe9" * 2000]),
    ("Accept-Expansion", ["addon_service,plan", "x" * 3000]), ("Accept-Inclusion", ["addon:plan,config_vars", ",,"]),
    ("User-Agent", ["", "\xe9\t\xff", "x" * 8000]), ("If-Modified-Since", ["x"]), ("Expect", ["x"]), ("Accept-Encoding", ["br;q=x"]),
    ("Origin", ["null"]), ("Cookie", ["a=b; " * 500]), ("X-Request-Start", ["x"]), ("Warning", ["x"]),
]  # fmt: skip


def requests(made: Mapping[str, str], tokens: Mapping[str, str]) -> st.SearchStrategy[Sent]:
    """Requests to a world whose things have these names and ids (`made`), by the holders of these tokens."""
    # In the order they were made, which ids have not: a seed stands for the same requests each time.
    known = tuple(dict.fromkeys(made.values()))
    # What changes something is asked for twice as often as what only reads.
    ours = [
        (route.method, route.path)
        for route in (*ROUTES, *addons_role.table())
        for _ in range(1 if route.method == "GET" else 2)
    ]
    published = [tuple(link.split(" ", 1)) for link in schema.ENDPOINTS]

    @st.composite
    def request(draw: Draw) -> Sent:
        method, path = draw(st.sampled_from(ours) if draw(_often(15)) else st.sampled_from(published))
        raw = b"/".join(_segment(draw, part, made) for part in path.split("/"))
        if draw(_seldom(20)):
            raw += b"?" + draw(st.sampled_from(_QUERIES))
        who = (
            draw(st.sampled_from(["operator", "operator", "operator", "collaborator", "collaborator", *tokens]))
            if draw(_often(12))
            else ""
        )
        body = draw(_bodies(method, path, known))
        if method in ("GET", "DELETE") and draw(_often(4)):
            body = b""
        headers = _headers(draw, _shown(draw, tokens[who]) if who else draw(st.sampled_from(_BROKEN_AUTHORIZATIONS)))
        if draw(_seldom(40)):
            method = draw(st.sampled_from(["HEAD", "PUT", "POST", "OPTIONS", "TRACE", "PURGE"]))
        return Sent(method, raw, headers, body, who)

    return request()


def _often(times: int) -> st.SearchStrategy[bool]:
    return st.integers(0, times).map(lambda number: number < times)


def _seldom(times: int) -> st.SearchStrategy[bool]:
    return st.integers(0, times).map(lambda number: number == times)


def _segment(draw: Draw, part: str, made: Mapping[str, str]) -> bytes:
    """One segment of the path: what has the kind of name that it should be, another name, or anything."""
    if not part.startswith(":"):
        return part.encode()
    if draw(_seldom(6)):
        return bytes(draw(st.sampled_from(_SEGMENTS)))
    name = part[1:]
    fitting = [value for key, value in made.items() if key.rpartition(".")[2] == name]
    chosen = fitting if fitting and draw(_often(8)) else list(made.values())
    return quote(draw(st.sampled_from(chosen)), safe="").encode()


def _shown(draw: Draw, token: str) -> str:
    """A token in one of the ways that clients send it."""
    return str(
        draw(st.sampled_from([f"Bearer {token}", f"bearer  {token}", basic("", token), basic("a@example.com", token)]))
    )


def _headers(draw: Draw, authorization: str) -> tuple[tuple[str, bytes], ...]:
    headers = {"Accept": ACCEPT, "Authorization": authorization, "X-Forwarded-For": "192.0.2.1"}
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 4]))):
        name, values = draw(st.sampled_from(_STRANGE_HEADERS))
        headers[name] = draw(st.sampled_from(values) | _header_text())
    return tuple((name, value.encode("latin-1")) for name, value in headers.items() if value or name != "Authorization")


def _header_text() -> st.SearchStrategy[str]:
    letters = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
    return st.text(letters, max_size=30)


@cache
def _bodies(method: str, path: str, known: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Bodies of one link: those that fit (with names of what there is), those broken in one place, nonsense."""
    described = schema.sent_to(method, path)
    fitting = _Fitting(known).to(described) if described else _loose(known)

    @st.composite
    def body(draw: Draw) -> bytes:
        kind = draw(st.integers(0, 19))
        if kind == 0:
            return bytes(draw(st.sampled_from(JUNK) | st.binary(max_size=40)))
        if kind == 1:
            return _written(draw, draw(_ANYTHING))
        value = draw(fitting)
        return _written(draw, _broken(draw, value) if kind < 10 else value)

    return body()


_FIELDS = (
    "name maintenance updates type quantity size command env attach release slug description source_blob buildpacks lines dyno "
    "source scope expires_in password new_password url version checksum columns certificate_chain private_key sni_endpoint "
    "app pipeline stage targets owner new_owner in id include events level secret A B"
).split()


def _loose(known: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of fields that clients send somewhere: for routes the published schema says nothing of."""
    good = st.sampled_from(sorted(_GOOD)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(_GOOD[name])))
    any_field = st.tuples(st.sampled_from(_FIELDS), st.sampled_from(known) | _SCALARS)
    return st.lists(good | any_field, max_size=4).map(dict)


def _written(draw: Draw, value: Any) -> bytes:
    """JSON text, perhaps with a field twice, perhaps with letters that UTF-8 has not."""
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if text.startswith('{"') and draw(_seldom(15)):
        twice = json.dumps(next(iter(value)))
        text = f"{{{twice}: {draw(st.sampled_from(['null', '[]', '1', '{}']))}, {text[1:]}"
    return text.encode("utf-8", "surrogatepass")


def _broken(draw: Draw, value: Any) -> Any:
    """The value with one place of it replaced, removed, or with something more."""
    if isinstance(value, dict) and value and draw(_often(4)):
        name = draw(st.sampled_from(sorted(value)))
        changes = {
            "inside": lambda: {**value, name: _broken(draw, value[name])},
            "removed": lambda: {key: kept for key, kept in value.items() if key != name},
            "more": lambda: {**value, draw(st.text(max_size=8)): draw(_ANYTHING)},
            "text": lambda: {**value, name: json.dumps(value[name])},
            "renamed": lambda: {**value, draw(st.sampled_from(HOSTILE_TEXT)): value[name]},
        }
        return changes[draw(st.sampled_from(sorted(changes)))]()
    if isinstance(value, list) and value and draw(_often(3)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _broken(draw, value[place]), *value[place + 1 :]] * draw(
            st.sampled_from([1, 1, 1, 300])
        )
    return draw(_ANYTHING)


_MOMENTS = ["2012-01-01T12:00:00Z", "2999-12-31T23:59:59Z", "0000-00-00T00:00:00Z"]


# What is right for a field of this name, so that not every request dies of one wrong field.
_GOOD: dict[str, list[Any]] = {
    "region": ["us", {"name": "us"}], "stack": ["cedar", {"name": "cedar"}], "build_stack": ["cedar"], "size": ["standard-1x", None],
    "dyno_size": [{"name": "standard-2x"}, "1X"], "release": ["v3", "3"], "command": ["bash", "python work.py"], "quantity": [0, 1, "+1", "2"],
    "env": [{"TERM": "xterm", "COLUMNS": 80}], "type": ["web", "worker"], "source_blob": [{"url": "https://example.com/a.tgz", "version": "v1"}],
    "hostname": ["new.example.com", "*.example.org"], "sni_endpoint": [None], "scope": [["global"], ["read", "identity"]],
    "expires_in": [3600, None], "lines": [20], "tail": [True, False], "buildpack": ["heroku/python"], "enabled": [True, False],
    "public_key": [OTHER_KEY], "acm_refresh": [True], "certificate_chain": [PAIR["certificate_chain"]], "private_key": [PAIR["private_key"]],
}  # fmt: skip


class _Fitting:
    """Values that fit a part of the published schema; texts are often names of what there is."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self._known = st.sampled_from(known)
        self._of_reference = cache(lambda reference: self.to(schema.definition(reference)))

    def to(self, described: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if "$ref" in described:
            return st.deferred(lambda: self._of_reference(described["$ref"]))
        for several in ("anyOf", "oneOf"):
            if several in described:
                return st.one_of([self.to(one) for one in described[several]])
        if "enum" in described:
            return st.sampled_from(described["enum"])
        kinds = described.get("type", "object" if "properties" in described else "string")
        return st.one_of([self._kind(kind, described) for kind in ([kinds] if isinstance(kinds, str) else kinds)])

    def _kind(self, kind: str, described: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if kind == "object":
            return self._object(described)
        if kind == "array":
            return st.lists(self.to(described.get("items", {})), max_size=3)
        return {
            "string": lambda: self._text(described),
            "boolean": st.booleans,
            "integer": lambda: st.integers(0, 3) | st.integers(),
            "number": lambda: st.integers(0, 3) | st.floats(allow_nan=False, allow_infinity=False),
            "null": st.none,
        }[kind]()

    def _object(self, described: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        fields = {
            name: st.sampled_from(_GOOD[name]) | self.to(part) if name in _GOOD else self.to(part)
            for name, part in described.get("properties", {}).items()
        }
        if not fields:
            names = st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,8}\Z") | st.sampled_from(HOSTILE_TEXT)
            return st.dictionaries(names, st.none() | self._known | st.text(max_size=20), max_size=3)
        needed = described.get("required", ())
        more = st.lists(st.sampled_from(sorted(fields)), max_size=3)
        return more.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in {*needed, *names}}))

    def _text(self, described: Mapping[str, Any]) -> st.SearchStrategy[str]:
        texts: st.SearchStrategy[str] = self._known | st.text(max_size=20)
        if isinstance(described.get("example"), str):
            texts = st.just(described["example"]) | texts
        if described.get("format") == "date-time":
            return st.sampled_from(_MOMENTS) | texts
        if "pattern" in described:
            return st.from_regex(described["pattern"]) | texts
        return texts
