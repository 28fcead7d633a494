"""The cache of code when its process is killed, and on a disk that is really full."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cantor.bundles.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

KILLS = 12
BYTES_MAX = 400_000
WRITER = """
import hashlib, itertools, sys
from functools import partial
from pathlib import Path
from cantor.bundles.store import Store

def fill(number, folder):
    for part in range(5):
        (folder / f"{part}.py").write_text(f"N = {number}" * 500)

store = Store(Path(sys.argv[1]), int(sys.argv[2]))
for number in itertools.count(int(sys.argv[3])):
    data = str(number).encode() * 5000
    store.put(hashlib.sha256(data).hexdigest(), [data])
    store.put_tree(hashlib.sha256(b"tree" + data).hexdigest(), partial(fill, number))
    print(number, flush=True)
"""
FULL = """
import hashlib, sys
from pathlib import Path
from cantor.base.errors import UnavailableError
from cantor.bundles.store import Store

store = Store(Path(sys.argv[1]))
small, large = b"x" * 1000, b"y" * 3_000_000
kept = store.put(hashlib.sha256(small).hexdigest(), [small])
try:
    store.put(hashlib.sha256(large).hexdigest(), [large[:1_000_000]] * 3)
except UnavailableError as error:
    print(error)
print(kept.read_bytes() == small, list((Path(sys.argv[1]) / "drafts").iterdir()))
more = b"z" * 100_000
print(store.put(hashlib.sha256(more).hexdigest(), [more]).stat().st_size)
"""


def test_a_cache_whose_process_is_killed_is_whole(tmp_path: Path) -> None:
    number = 0
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, str(BYTES_MAX), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout
        lines = [int(writer.stdout.readline()) for _ in range(1 + number % 4)]
        writer.kill()
        number = max([*lines, *map(int, writer.stdout)]) + 1
        writer.stdout.close()
        writer.wait()

        store = Store(tmp_path, BYTES_MAX)
        assert store.size <= BYTES_MAX
        assert store.ids()
        for blob in store.ids():
            path = store.blob(blob)
            assert path
            assert hashlib.sha256(path.read_bytes()).hexdigest() == blob
        trees = list((tmp_path / "trees").iterdir())
        assert {len(list(tree.iterdir())) for tree in trees} <= {5}
        assert list((tmp_path / "drafts").iterdir()) == []


def test_a_full_disk_is_one_error_and_what_was_there_is_unharmed(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", mount, "bash"),
            *(str(tmp_path), sys.executable, FULL),
        ],
        capture_output=True,
        text=True,
    )

    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert "the cache of code cannot be written: No space left on device — make room" in said[0]
    assert said[1:] == ["True []", "100000"]
