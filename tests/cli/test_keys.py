import json
import stat
import subprocess

import pytest
from tests.cli.program import Program
from tests.cli.world import KEY_BODY, World

from celadon.actions import keys


def count(world: World) -> int:
    return len(keys.list_of(world.context, world.actor))


def test_keys_are_shown_short_and_long(world: World, celadon: Program) -> None:
    assert celadon("keys").out == ("=== ada@example.com Keys\nssh-ed25519 AAAAC3NzaC...QEXn9OIeZJ ada@laptop\n\n")
    assert celadon("keys", "--long").out == f"=== ada@example.com Keys\nssh-ed25519 {KEY_BODY} ada@laptop\n\n"
    assert json.loads(celadon("keys", "--json").out)[0]["comment"] == "ada@laptop"


def test_no_keys(celadon: Program) -> None:
    assert celadon("keys").out == "You have no SSH keys.\n"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_of_each_kind_is_added_from_a_file(bare_world: World, celadon: Program, kind: str) -> None:
    file = celadon.home / "key"
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "me@here", "-f", str(file)]
    subprocess.run(argv, check=True)
    shown = celadon("keys:add", f"{file}.pub")
    assert (shown.out, shown.status) == (f"Uploading SSH public key {file}.pub... done\n", 0)
    assert keys.list_of(bare_world.context, bare_world.actor)[0].comment == "me@here"
    refused = celadon("keys:add", str(file))
    assert refused.status == 1
    assert "it is a private key, which nobody else may have" in refused.err


def test_the_key_in_its_usual_place_is_found(bare_world: World, celadon: Program) -> None:
    (celadon.home / ".ssh").mkdir()
    (celadon.home / ".ssh" / "id_ecdsa.pub").write_text(f"ssh-ed25519 {KEY_BODY} ada@laptop\n")
    assert celadon("keys:add").out == f"Uploading SSH public key {celadon.home}/.ssh/id_ecdsa.pub... done\n"
    (celadon.home / ".ssh" / "id_rsa.pub").write_text("ssh-rsa AAAA x\n")
    assert celadon("keys:add").err == (
        " !    cannot tell which key to add: name one of ~/.ssh/id_ecdsa.pub, ~/.ssh/id_rsa.pub\n"
    )


def test_without_a_key_one_is_made_when_the_user_says_so(bare_world: World, celadon: Program) -> None:
    refused = celadon("keys:add")
    assert refused.out == "Could not find an existing public key at ~/.ssh/id_ed25519.pub\n"
    assert refused.err == " !    cannot add a key: there is none, and nobody to ask. Add --yes to make one.\n"
    asked = celadon.terminal("keys:add")
    asked.expect_exact("Would you like to generate one? [Yn] ")
    asked.sendline("y")
    asked.expect_exact("Generating new SSH public key.\r\n")
    asked.expect_exact("id_ed25519.pub... ")
    asked.expect_exact("done\r\n")
    asked.wait()
    assert count(bare_world) == 1
    assert stat.S_IMODE((celadon.home / ".ssh" / "id_ed25519").stat().st_mode) == 0o600


def test_remove_by_comment_and_by_fingerprint(world: World, celadon: Program) -> None:
    assert celadon("keys:remove", "ada@laptop").out == "Removing ada@laptop SSH key... done\n"
    assert count(world) == 0
    shown = celadon("keys:remove", "ada@laptop")
    assert shown.status == 1
    assert "no key of yours has this comment or fingerprint" in shown.err


def test_clear(world: World, celadon: Program) -> None:
    assert celadon("keys:clear").out == "Removing all SSH keys... done\n"
    assert count(world) == 0


@pytest.mark.parametrize("text", ["", "hello", "ssh-dss AAAA x"])
def test_a_file_that_is_no_key_is_refused(celadon: Program, text: str) -> None:
    file = celadon.home / "key.pub"
    file.write_text(text)
    shown = celadon("keys:add", str(file))
    assert shown.status == 1 and shown.err.startswith(" !    ")
    assert "Traceback" not in shown.err
    assert "cannot read /no/such" in celadon("keys:add", "/no/such/key.pub").err
