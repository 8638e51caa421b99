"""One import of an image, top to bottom: fetch or read → check → unpack → describe → pack; then it is a build as others.

The image is a stranger's: skopeo and umoci, from the services image, handle it in a build dyno as the app's own user. What
they leave on the app's disk is read here by way of no link, and packed by a program of ours.
"""

import base64
import json
from pathlib import Path

from celadon.actions import builds
from celadon.actions.builds import Compiled
from celadon.build import dyno, slug
from celadon.build.run import BuildError, Run
from celadon.build.workspace import Workspace
from celadon.model import image as images
from celadon.model.build import Build
from celadon.platform import images as platform_images
from celadon.runtime.protocol import Bind, ContainerSpec, Limits

_SCRIPT = Path(__file__).with_name("import.sh")
_STEPS = {
    20: "the image could not be fetched",
    21: "the archive could not be read",
    22: "the image cannot be run here",
    23: "the image could not be unpacked",
}
_ADVICE = "Start from a smaller base image, or copy less into it."
_DIGEST = 100
_PASSWD = 1 << 20


def imported(run: Run) -> Compiled:
    """From an image to a packed slug. Raises BuildError, SlugError, RuntimeFailure."""
    output = run.output
    full = f"the image does not fit: its disk of {run.context.settings.build_disk_limit >> 20} MB is full"
    dyno.carry_out(run, _spec(run), {**_STEPS, 24: full})
    image, types = described(run.build, run.workspace)
    output.step("Discovering process types")
    output.detail(f"Image declares types -> {', '.join(types)}")
    if "web" in types and image.exposed_ports:
        output.detail(f"Image exposes {', '.join(image.exposed_ports)}; web dynos have to listen at $PORT")
    slug_id, checksum, size = run.pack("rootfs", _ADVICE)
    output.step(f"Imported image size: {slug.shown_size(size)}")
    return Compiled(
        slug_id=slug_id,
        process_types=types,
        language="Container image",
        checksum=checksum,
        size=size,
        config_vars={},
        image=image,
    )


def _spec(run: Run) -> ContainerSpec:
    """The build dyno of an import, and what it is shown: its login and the authorities of registries."""
    settings, build, bundle, shown = run.context.settings, run.build, run.bundle, run.show()
    binds = [Bind(source=_SCRIPT, target="/celadon/import.sh"), Bind(source=shown, target="/celadon/shown")]
    if build.source_id and run.source is not None:
        binds.append(Bind(source=run.source, target="/celadon/source.tar"))
    authorities = [path for path in (settings.ca_bundle, settings.ca_file) if path.is_file()]
    (shown / "authorities.pem").write_bytes(b"\n".join(path.read_bytes() for path in authorities))
    if not build.source_id:
        (shown / "auth.json").write_text(auth_file(build, builds.login_of(run.context, build.id)), "utf-8")
    run.give(shown)
    return ContainerSpec(
        id=bundle.name,
        root=platform_images.path(settings, "services"),
        argv=("/bin/bash", "/celadon/import.sh"),
        env=environment(build),
        cwd="/",
        uid=run.uid,
        hostname=f"build-{build.id[:8]}",
        limits=Limits(memory=settings.build_memory, swap=settings.build_memory, cpu_shares=1024, pids=dyno.PIDS),
        bundle=bundle,
        log_path=bundle / "output.log",
        address=run.address,
        mounts=(*binds, Bind(source=run.workspace.root, target="/tmp", readonly=False)),
        log_limit=dyno.LOG_LIMIT,
        labels={"app": run.app.name, "build": build.id},
    )


def environment(build: Build) -> dict[str, str]:
    """What the script is told. A login is in a file: what is in an environment is soon in a log."""
    assert build.image is not None, "only builds with an image are imported"
    found = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/tmp/scratch",
        "TMPDIR": "/tmp/scratch",
        "LANG": "C.UTF-8",
        "SSL_CERT_FILE": "/celadon/shown/authorities.pem",
        "OUT": "/tmp/out",
        "IMAGE": build.image,
    }
    if build.source_id:
        return {**found, "SOURCE": "/celadon/source.tar"}
    reference = images.reference(build.image)
    # skopeo takes a tag or a digest, not both: the digest says all.
    exact = f"{reference.name}@{reference.digest}" if reference.digest else str(reference)
    return {**found, "IMAGE": exact, "IMAGE_NAME": reference.name, "REGISTRY_AUTH_FILE": "/celadon/shown/auth.json"}


def auth_file(build: Build, login: dict[str, str]) -> str:
    """The login as the programs want it: of this registry alone."""
    assert build.image is not None, "only builds with an image are imported"
    if not login:
        return json.dumps({"auths": {}})
    pair = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    return json.dumps({"auths": {images.reference(build.image).domain: {"auth": pair}}})


def described(build: Build, workspace: Workspace) -> tuple[images.Image, dict[str, str]]:
    """What the build dyno has found out of an image, and its process types; raises BuildError."""
    config = workspace.read("out", "config.json", limit=images.MOST)
    digest = (workspace.read("out", "digest", limit=_DIGEST) or b"").decode("utf-8", "replace").strip()
    if config is None or not images.DIGEST.match(digest):
        raise BuildError("cannot use this image: its description of itself is larger than 1 MB, or is none")
    passwd = workspace.read("rootfs", "etc", "passwd", limit=_PASSWD) or b""
    try:
        return images.parse(
            config,
            reference=build.image or "",
            digest=digest,
            passwd=passwd.decode("utf-8", "replace"),
            shell=workspace.has("out", "shell"),
        )
    except images.ImageError as error:
        raise BuildError(str(error)) from None
