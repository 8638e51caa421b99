"""Redis servers: started, changed while they run, moved to another size with their keys.

The platform comes in by a Unix socket that only it reaches, as a user of its own.
"""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from celadon.actions.caches import Place
from celadon.addons.engines import ENGINE_DIRECTORY, Engines
from celadon.caches import redis_files
from celadon.caches.servers import ServerFailure, wait
from celadon.model import cache as rules
from celadon.model.engine import Engine

log = logging.getLogger(__name__)

# Seconds: to load a gigabyte, to write one, to end.
_START, _ANSWER, _END = 120.0, 120.0, 30.0
_LOOK = 0.02


class RedisServers:
    """The Servers port. Threads may share it; calls of one engine must not overlap."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.version = engines.installed("redis-server")

    def config(self, place: Place) -> Mapping[str, str]:
        host = self.engines.settings.engine_host
        return {"REDIS_URL": rules.url(place.password, host, place.engine.port)}

    def start(self, place: Place) -> None:
        engine = place.engine
        self._configure(place)
        if not self.engines.running(engine):
            self.engines.start(engine, ("redis-server", f"{ENGINE_DIRECTORY}/conf/redis.conf"))
        wait(self.engines, place, _START, lambda: self._answers(engine))
        if not place.size.persistent:
            # It has read what it was moved with: a later start is to begin empty, as the plan says.
            files = self.engines.directory(engine) / "files"
            (files / redis_files.DUMP).unlink(missing_ok=True)
            shutil.rmtree(files / redis_files.LOG, ignore_errors=True)

    def change(self, place: Place, *, cut_off: bool = False) -> None:
        if self.engines.running(place.engine):
            if self.engines.fits(place.engine) and self._adjust(place, cut_off=cut_off):
                return
            self._save(place)
            self.engines.stop(place.engine, _END)
        self.start(place)

    def reload(self, engine: Engine) -> None:
        """Have it read its certificate; sessions go on. Raises ServerFailure."""
        try:
            with self.connect(engine) as client:
                client.config_set("tls-cert-file", redis_files.CERTIFICATE)
        except (redis.RedisError, OSError) as error:
            raise ServerFailure(f"cannot have {engine.name} read its certificate: {type(error).__name__}") from error

    def held(self, place: Place) -> int:
        """Raises ServerFailure when it does not answer."""
        try:
            with self.connect(place.engine) as client:
                return int(client.info("memory")["used_memory_dataset"])
        except redis.RedisError as error:
            raise ServerFailure(f"cannot ask {place.engine.name} for its memory: {type(error).__name__}") from error

    def information(self, place: Place) -> Mapping[str, Any]:
        """What INFO says. Raises ServerFailure."""
        try:
            with self.connect(place.engine) as client:
                return dict(client.info())
        except (redis.RedisError, OSError) as error:
            raise ServerFailure(f"cannot ask {place.engine.name}: {type(error).__name__}") from error

    def reset_statistics(self, place: Place) -> None:
        """Raises ServerFailure."""
        try:
            with self.connect(place.engine) as client:
                client.config_resetstat()
        except (redis.RedisError, OSError) as error:
            raise ServerFailure(f"cannot reset {place.engine.name}: {type(error).__name__}") from error

    @contextlib.contextmanager
    def connect(self, engine: Engine) -> "Iterator[redis.Redis]":
        """The platform's own connection. Raises redis.RedisError, OSError."""
        client = redis.Redis(
            unix_socket_path=str(self.engines.sockets(engine) / redis_files.SOCKET),
            username=redis_files.USER,
            password=self._password(engine),
            socket_timeout=_ANSWER,
            decode_responses=True,
            single_connection_client=True,
        )
        try:
            yield client
        finally:
            client.close()

    def _answers(self, engine: Engine) -> bool:
        with contextlib.suppress(redis.RedisError, OSError), self.connect(engine) as client:
            return bool(client.ping())
        return False

    def _configure(self, place: Place) -> None:
        engine = place.engine
        self.engines.prepare(engine)
        files = self.engines.directory(engine) / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        os.chown(files, self.engines.uid(engine), self.engines.uid(engine))
        if not (self.engines.directory(engine) / _PASSWORD).is_file():
            self.engines.write(engine, _PASSWORD, secrets.token_hex(32))
        self.engines.write(engine, "conf/users.acl", redis_files.users(place, self._password(engine)))
        self.engines.write(engine, "conf/redis.conf", redis_files.configuration(place))
        self.engines.certify(engine)

    def _password(self, engine: Engine) -> str:
        return (self.engines.directory(engine) / _PASSWORD).read_text("ascii")

    def _adjust(self, place: Place, *, cut_off: bool) -> bool:
        """Change it while it runs; False when it does not let us, as one that a script has to itself or that is full."""
        self._configure(place)
        try:
            with self.connect(place.engine) as client:
                for name, value in redis_files.adjustable(place).items():
                    client.config_set(name, value)
                client.acl_load()
                if cut_off:
                    client.client_kill_filter(user=place.cache.username)
        except (redis.RedisError, OSError):
            log.exception("at=adjust-failed engine=%s", place.engine.name)
            return False
        return True

    def _save(self, place: Place) -> None:
        """Have its keys in a file that its next start reads; without them when it does not let us."""
        try:
            with self.connect(place.engine) as client:
                if place.size.persistent:
                    client.config_set("appendonly", "yes")
                    self._wait_until_written(client)
                else:
                    client.save()
        except (redis.RedisError, OSError):
            log.exception("at=save-failed engine=%s", place.engine.name)

    def _wait_until_written(self, client: "redis.Redis") -> None:
        deadline = time.monotonic() + _ANSWER
        while time.monotonic() < deadline:
            state = client.info("persistence")
            if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                if state["aof_last_bgrewrite_status"] == "ok":
                    return
                break
            time.sleep(_LOOK)
        log.error("at=rewrite-failed")


# A file that only root and its engine read.
_PASSWORD = "conf/platform.password"
