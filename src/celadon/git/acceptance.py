"""A commit that is to be deployed becomes accepted work: a source archive and a build row, or neither."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path

from celadon.actions import builds, deploy_hooks, repositories
from celadon.actions.context import Context
from celadon.git import source, source_path
from celadon.git.branches import Update
from celadon.git.repository import Repository
from celadon.git.source import Commit
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import Build
from celadon.model.errors import CeladonError


async def accept(
    context: Context, actor: Actor, app: App, repository: Repository, update: Update, quarantine: Mapping[str, str]
) -> Build:
    """Store the commit as a source archive and write the build row; raises CeladonError, and then neither is there."""
    commit = await source.inspect(repository, update, quarantine, app.repository_url)
    wanted = await asyncio.to_thread(repositories.source_path, context, app.id)
    if wanted:
        await source_path.check(repository, commit, wanted, quarantine)
    build_id = str(uuid.uuid4())
    target = context.blobs.source(build_id)
    await source.archive(repository, commit, target, context.settings.source_limit, quarantine)
    told = await asyncio.to_thread(deploy_hooks.awaited, context, app.id)
    # Now: when the hooks are told, the objects may still be in quarantine.
    log = await source.log(repository, commit, told.since, quarantine) if told else None
    # In a thread that is not stopped halfway, even when the client goes away.
    return await asyncio.to_thread(_create, context, actor, app, build_id, commit, target, log)


def _create(
    context: Context, actor: Actor, app: App, build_id: str, commit: Commit, target: Path, log: str | None
) -> Build:
    try:
        return builds.create(
            context,
            actor,
            app.name,
            build_id=build_id,
            commit=commit.sha,
            commit_description=commit.subject,
            git_log=log,
        )
    except CeladonError:
        source.discard(target)
        raise
