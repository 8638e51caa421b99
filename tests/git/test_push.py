"""A push to the deploy branch, from the client's side: real git, real SSH, a real store."""

from tests.git.town import Builder, Town, Tree


def test_push_deploys_and_says_so(town: Town, builder: Builder) -> None:
    tree = Tree(town, town.ssh_url(town.create_app("first-app").name))
    tree.commit("The first commit", app__py="print(1)\n")
    done = tree.push()
    assert done.returncode == 0, done.stderr + town.log.read_text()
    print(done.stderr)
