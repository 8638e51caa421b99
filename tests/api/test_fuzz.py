"""Five hundred requests nobody should send, the same ones each time; `bench/fuzz.py` sends many more."""

from pathlib import Path

from tests.api import fuzz, fuzz_world

from celadon.api.route import Door


def test_no_request_makes_the_api_fail_or_tell_too_much(tmp_path: Path) -> None:
    (tmp_path / "prepared").mkdir()
    fuzz_world.make(tmp_path / "prepared")
    fuzzed = fuzz_world.FuzzedWorld(tmp_path / "prepared", tmp_path)
    outcome = fuzz.Outcome()
    transport = fuzz.InProcess(fuzzed)
    try:
        for seed in range(72):
            fuzz.run(fuzzed, transport, seed, outcome, slowest=None)
    finally:
        transport.close()
    assert not outcome.failures, "\n".join(f"{sentence}\n    {line}" for sentence, line in outcome.failures)
    assert outcome.statuses.total() >= 500
    # Requests that all die at the door would prove nothing.
    assert {200, 201, 400, 401, 403, 404, 406, 422} <= set(outcome.statuses), outcome.statuses


def test_every_route_with_a_token_says_its_permission_in_known_words() -> None:
    for route in fuzz.ROUTES:
        if route.door in (Door.TOKEN, Door.PASSWORD) and not route.permission.startswith("operator"):
            fuzz.scopes(route)
