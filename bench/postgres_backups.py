"""How fast a backup and a restore are, against plain pg_dump and pg_restore on the same database in the same run.

.venv/bin/python bench/postgres_backups.py [MEGABYTES]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import CHECKOUT

sys.path.insert(0, str(CHECKOUT))
from tests.postgres import place as places
from tests.postgres.test_transfers import Shop, fill, make_app

from celadon.model.transfer import TransferKind, TransferStatus
from celadon.postgres.transfers import Transfers

_ROUNDS = 3


def main(megabytes: int) -> None:
    """Print seconds, the median of some rounds that take turns."""
    with places.opened() as place:
        order, made = place.provision("standard-0")
        shop = Shop(
            place=place,
            transfers=Transfers(place.context, place.pairs),
            app_id=make_app(place),
            addon_id=order.addon_id,
            connect=lambda: place.connect(made),
        )
        fill(shop, megabytes)
        assert made.config is not None
        url = f"{made.config['HEROKU_POSTGRESQL_URL']}?sslmode=require"
        with tempfile.TemporaryDirectory() as directory:
            archive, found = Path(directory) / "plain.dump", dict[str, list[float]]()

            def backup() -> None:
                transferring_id = shop.order(TransferKind.BACKUP)
                assert shop.run(transferring_id).status is TransferStatus.SUCCEEDED
                latest.append(transferring_id)

            def restore() -> None:
                assert shop.run(shop.order(TransferKind.RESTORE, of=latest[-1])).status is TransferStatus.SUCCEEDED

            latest: list[str] = []
            rounds: tuple[tuple[str, Callable[[], None]], ...] = (
                ("backup", backup),
                ("pg_dump", lambda: _plain(place, archive, "pg_dump", url)),
                ("restore", restore),
                ("pg_restore", lambda: _plain(place, archive, "pg_restore", url)),
            )
            for _ in range(_ROUNDS):
                for name, work in rounds:
                    began = time.perf_counter()
                    work()
                    found.setdefault(name, []).append(time.perf_counter() - began)
            size = archive.stat().st_size >> 20
        for name, seconds in found.items():
            print(f"{name:10}  {statistics.median(seconds):6.2f} s  ({min(seconds):.2f}-{max(seconds):.2f})  {size} MB")


def _plain(place: places.Place, archive: Path, program: str, url: str) -> None:
    """The same program of the same version, run by hand over the database's own port."""
    path = f"/usr/lib/postgresql/{place.clusters.version}/bin/{program}"
    argv = ["chroot", str(place.clusters.engines.root), path]
    if program == "pg_dump":
        with archive.open("wb") as out:
            subprocess.run([*argv, "-Fc", "-Z1", "--exclude-extension=pg_stat_statements", url], stdout=out, check=True)
        return
    words = ["--clean", "--if-exists", "--no-owner", "--no-acl", "--single-transaction", f"--dbname={url}"]
    with archive.open("rb") as source:
        subprocess.run([*argv, *words], stdin=source, check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
