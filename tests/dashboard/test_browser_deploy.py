"""Deploying and reading logs as a person does it in a browser."""

from playwright.sync_api import Route, expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import builds, config_vars


def test_deploys_are_listed_and_one_can_go_back(world: World, visitor: Visitor) -> None:
    config_vars.update(world.context, world.actor, "example", {"COLOUR": "blue", "GREETING": "hello"})
    world.deploy("example", {"web": "python server.py"}, commit="b" * 40)
    page = visitor.go("/dashboard/apps/example/deploy")
    expect(page.get_by_text("celadon git:remote --app example")).to_be_visible()
    expect(page.locator("#releases")).to_contain_text("serves")
    visitor.look("deploy")
    page.get_by_role("link", name="Roll back to v3").click()
    expect(page.locator("#rollback")).to_contain_text("bbbbbbbb → 3063626d")
    expect(page.locator("#rollback")).to_contain_text("COLOUR, GREETING go")
    visitor.look("release")
    page.get_by_role("button", name="Roll back to v3").click()
    expect(page.get_by_text("Rollback to v3")).to_be_visible()
    expect(page.locator("#release")).to_contain_text("serves")


def test_a_build_is_followed_and_can_be_cancelled(world: World, visitor: Visitor) -> None:
    build = builds.create(world.context, world.actor, "example", commit="c" * 40, commit_description="Try <b>this</b>")

    def output(route: Route) -> None:
        assert build.output_key in route.request.url
        route.fulfill(body="-----> Python app detected\n       <script>no</script>\n", content_type="text/plain")

    visitor.page.route("**/builds-output/**", output)
    page = visitor.go("/dashboard/apps/example/deploy")
    expect(page.locator("#builds")).to_contain_text("Try <b>this</b>")
    page.get_by_role("link", name="cccccccc").click()
    expect(page.locator("pre.output")).to_contain_text("<script>no</script>")
    page.get_by_role("button", name="Cancel this build").click()
    expect(page.locator("#build")).to_contain_text("It is being cancelled.")
    world.context.blobs.build_output(build.id).parent.mkdir(exist_ok=True)
    world.context.blobs.build_output(build.id).write_text("-----> Python app detected\n")
    builds.fail(world.context, build.id, "The build was cancelled.")
    expect(page.locator("#build")).to_contain_text("The build was cancelled.")
    page.reload()
    expect(page.locator("pre.output")).to_have_text("-----> Python app detected\n")
    visitor.look("build")


def lines(first: int, last: int) -> str:
    sources = ("app[web.1]", "heroku[router]", "app[worker.2]", "heroku[web.1]", "app[api]")
    return "".join(
        f"id: {number}\ndata: 2026-11-29T10:00:{number % 60:02}.000000+00:00 {sources[number % 5]}: line {number}\n\n"
        for number in range(first, last)
    )


def test_logs_come_by_themselves_and_go_on_after_the_last_line(visitor: Visitor) -> None:
    asked: list[str] = []

    def stream(route: Route) -> None:
        asked.append(route.request.url.partition("?after=")[2])
        lost = "2026-11-29T10:01:00.0+00:00 heroku[logplex]: Error L11 (Tail buffer overflow): this tail dropped 7 messages"
        told = {1: lines(1, 2101), 2: f"id: 3000\ndata: {lost}\n\n{lines(3001, 3004)}"}
        route.fulfill(body=f": alive\n\n{told.get(len(asked), '')}", content_type="text/event-stream")

    visitor.page.route("**/streams/**", stream)
    page = visitor.go("/dashboard/apps/example/logs?dyno=web")
    log = page.get_by_role("log")
    expect(log).to_contain_text("line 3003")
    expect(page.get_by_role("alert")).to_contain_text("dropped 7 messages")
    # No more than so many lines are kept in the page.
    expect(page.locator("#log-count")).to_have_text("2000 lines; 104 older ones have left the page")
    assert asked[:2] == ["", "2100"]
    page.get_by_label("Find in what is shown").fill("LINE 300")
    expect(page.locator("#log-found")).to_have_text("4 found")
    expect(log.locator("mark").first).to_have_text("line 300")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#log-state")).to_have_text("paused")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.startswith("example-")
    assert download.value.path().read_text().endswith("heroku[web.1]: line 3003\n")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#log-count")).to_have_text("0 lines")
    with page.expect_request("**/streams/**") as again:
        page.get_by_role("button", name="Resume").click()
    assert again.value.url.endswith("?after=3003")


def test_a_log_that_the_platform_ends_is_not_asked_for_again(visitor: Visitor) -> None:
    asked: list[str] = []

    def stream(route: Route) -> None:
        asked.append(route.request.url)
        end = 'event: end\ndata: {"id": "app_destroyed", "message": "the app was destroyed"}\n\n'
        route.fulfill(body=f"retry: 1\n\n{lines(1, 3)}{end}", content_type="text/event-stream")

    visitor.page.route("**/streams/**", stream)
    page = visitor.go("/dashboard/apps/example/logs")
    expect(page.get_by_role("log")).to_contain_text("line 2")
    expect(page.locator("#log-state")).to_have_text("ended: the app was destroyed")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#log-state")).to_have_text("ended: the app was destroyed")
    assert len(asked) == 1


def test_a_log_that_cannot_be_followed_is_tried_again(visitor: Visitor) -> None:
    visitor.expect("503")
    answers = [503, 200]

    def session(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
        elif answers.pop(0) == 503:
            route.fulfill(status=503)
        else:
            route.fulfill(body="/streams/second")

    visitor.page.route("**/apps/example/logs", session)

    def stream(route: Route) -> None:
        told = ": nothing more\n\n" if "after=" in route.request.url else lines(1, 40)
        route.fulfill(body=told, content_type="text/event-stream")

    visitor.page.route("**/streams/second*", stream)
    page = visitor.go("/dashboard/apps/example/logs")
    expect(page.get_by_role("log")).to_contain_text("line 39")
    page.get_by_label("Find in what is shown").fill("line 3")
    expect(page.locator("#log-found")).to_have_text("11 found")
    visitor.look("logs")
