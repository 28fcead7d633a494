"""What fuzzing has found is never found again: see ``tests/fuzz``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.decoders import DECODERS
from tests.fuzz.judge import judged

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
FINDS = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_reads_its_seeds_whole_cut_off_and_damaged(name: str) -> None:
    decoder = DECODERS[name]
    for seed in decoder.seeds():
        for damaged in (seed, seed[: len(seed) // 2], seed + b"\x00", seed[::-1], seed[1:], b""):
            judged(decoder.read)(damaged)


@pytest.mark.parametrize("find", FINDS, ids=lambda path: f"{path.parent.name}-{path.name[:20]}")
def test_a_find_is_read_or_refused_by_our_own_error(find: Path) -> None:
    judged(DECODERS[find.parent.name].read)(find.read_bytes())
