"""SSH keys of the account."""

import subprocess
from pathlib import Path
from typing import Any

import click

from celadon.cli import files
from celadon.cli.command import command
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import Failure, warn
from celadon.cli.invocation import Invocation, ask, choose
from celadon.cli.terminal.output import action, header, interactive, listing, say, show_json

_NAMES = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


@command(json=True)
@click.option("-l", "--long", "whole", is_flag=True, help="Print whole keys.")
def list_keys(invocation: Invocation, whole: bool) -> None:
    """List the SSH keys of your account."""
    keys = invocation.client.get("/account/keys")
    if invocation.json:
        show_json(keys)
        return
    if not keys:
        say("You have no SSH keys.")
        return
    header(f"{keys[0].get('email') or invocation.client.get('/account')['email']} Keys")
    listing([key["public_key"] if whole else _short(key["public_key"]) for key in keys])


@command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Make a key without asking when there is none.")
def add(invocation: Invocation, file: Path | None, yes: bool) -> None:
    """Add a public SSH key; by default the one in ~/.ssh, which is made when there is none."""
    _upload(invocation.client, file or _chosen() or _generated(yes=yes))


@command(must="KEY to remove")
@click.argument("key")
def remove(invocation: Invocation, key: str) -> None:
    """Remove an SSH key, named by its comment or its fingerprint."""
    found = [entry for entry in invocation.client.get("/account/keys") if key in _names(entry)]
    if not found:
        raise Failure(f"cannot remove {key}: no key of yours has this comment or fingerprint", "See `celadon keys`.")
    if len(found) > 1:
        prints = ", ".join(entry["fingerprint"] for entry in found)
        raise Failure(f"cannot remove {key}: several keys have this comment; name one by its fingerprint: {prints}")
    with action(f"Removing {key} SSH key"):
        invocation.client.delete(f"/account/keys/{segment(found[0]['id'])}")


@command()
def clear(invocation: Invocation) -> None:
    """Remove all SSH keys of your account."""
    with action("Removing all SSH keys"):
        for key in invocation.client.get("/account/keys"):
            invocation.client.delete(f"/account/keys/{segment(key['id'])}")


def offer(client: Client) -> None:
    """After a first login: upload a key, or make one, if the user likes. The login holds, whatever becomes of the key."""
    present = _present()
    if not present:
        question = "You have no SSH key for git. Would you like to generate one? [Yn] "
    elif len(present) == 1:
        question = f"Would you like to upload your SSH key {_shown(present[0])} for git? [Yn] "
    else:
        question = "Would you like to upload one of your SSH keys for git? [Yn] "
    try:
        if _yes(question):
            _upload(client, _chosen() or _generate())
    except Failure as failure:
        failure.show()
        warn(["You are logged in all the same; `celadon keys:add FILE` adds a key."])


def _present() -> list[Path]:
    folder = files.home() / ".ssh"
    usual = [folder / name for name in _NAMES if (folder / name).is_file()]
    return usual or sorted(file for file in folder.glob("*.pub") if file.is_file())


def _chosen() -> Path | None:
    present = _present()
    if len(present) < 2:
        return present[0] if present else None
    if not interactive():
        names = ", ".join(_shown(file) for file in present)
        raise Failure("cannot tell which key to add: name one of " + names)
    return present[choose("Found the following SSH public keys:", [_shown(file) for file in present])]


def _generated(*, yes: bool) -> Path:
    say(f"Could not find an existing public key at {_shown(files.home() / '.ssh' / _NAMES[0])}")
    if not yes:
        if not interactive():
            raise Failure("cannot add a key: there is none, and nobody to ask. Add --yes to make one.")
        if not _yes("Would you like to generate one? [Yn] "):
            raise Failure("Aborted.")
    return _generate()


def _generate() -> Path:
    say("Generating new SSH public key.")
    private = files.home() / ".ssh" / _NAMES[0].removesuffix(".pub")
    private.parent.mkdir(mode=0o700, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(private)]
    try:
        made = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Failure("cannot generate a key: ssh-keygen is not installed (apt-get install openssh-client)") from None
    if made.returncode != 0:
        raise Failure(f"cannot generate a key: {(made.stderr or made.stdout).strip()}")
    return private.with_suffix(".pub")


def _upload(client: Client, file: Path) -> None:
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if "PRIVATE KEY" in text:
        raise Failure(f"cannot upload {file}: it is a private key, which nobody else may have. Give {file}.pub.")
    with action(f"Uploading SSH public key {file}"):
        client.post("/account/keys", {"public_key": text})


def _short(key: str) -> str:
    kind, _, rest = key.partition(" ")
    body, _, comment = rest.partition(" ")
    return f"{kind} {body[:10]}...{body[-10:]} {comment}".rstrip()


def _names(key: dict[str, Any]) -> set[str]:
    parts = key["public_key"].split(" ", 2)
    return {key.get("comment") or "", key["fingerprint"], key["id"], parts[2] if len(parts) > 2 else ""} - {""}


def _shown(file: Path) -> str:
    home = files.home()
    return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else str(file)


def _yes(question: str) -> bool:
    return ask(question).lower() in ("", "y", "yes")
