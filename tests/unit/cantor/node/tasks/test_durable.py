from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.tasks.durable import Durable
from cantor.node.tasks.keeping import Keeping
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.tasks.submits import Submits

ME = NodeId("d" * 32)


async def test_a_store_that_cannot_be_read_is_tried_anew_at_the_next_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable = Durable(FakeMesh().add(ME, tmp_path), cast("Submits", None))

    def refuses(_: Keeping) -> int:
        raise StoreError("disk I/O error")

    with monkeypatch.context() as bad_disk:
        bad_disk.setattr(Keeping, "resume", refuses)
        with pytest.raises(StoreError, match="disk I/O error"):
            durable.keeping()

    assert durable.keeping() is durable.keeping()
    await durable.close()
