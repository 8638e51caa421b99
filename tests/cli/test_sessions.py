from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import sessions


def test_a_login_by_a_browser_is_listed_and_ended(bare_world: World, celadon: Program) -> None:
    assert celadon("sessions").out == "No OAuth sessions.\n"
    login, secret = sessions.begin_login(bare_world.context, "heroku at home", None)
    sessions.approve_login(bare_world.context, bare_world.actor, login.id)
    answer = sessions.fetch_login(bare_world.context, login.id, secret)
    assert answer is not None
    (session,) = sessions.list_of(bare_world.context, bare_world.actor)
    assert celadon("sessions").out == f"heroku at home  {session.id}\n\n"
    assert celadon("sessions:destroy", session.id).out == f"Destroying {session.id}... done\n"
    assert celadon("apps", env={"CELADON_API_KEY": answer["access_token"]}).status == 1
    assert celadon("sessions:destroy", session.id).status == 1
