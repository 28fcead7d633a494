from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from cantor.base.errors import ConfigError
from cantor.workers.settings import WorkerSettings, file_schema, load_worker_settings
from cantor.workers.wear import Wear

EXAMPLE = Path(__file__).parents[4] / "configs" / "workers" / "workers.yaml"


def load(folder: Path, text: str) -> WorkerSettings:
    path = folder / "workers.yaml"
    path.write_text(text, encoding="utf-8")
    return load_worker_settings(path)


def test_the_example_is_read_and_follows_the_schema() -> None:
    told = load_worker_settings(EXAMPLE)

    assert (told.workers, told.warm, told.threads) == (4, 1, 16)
    assert told.wear == Wear(10000, 2**30, 2**29)
    jsonschema_rs.validate(file_schema(), yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))


def test_what_is_left_out_is_as_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing\n") == WorkerSettings()
    assert load(tmp_path, "warm: 2") == WorkerSettings(warm=2)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("warm: 1\nwarmth: 2", "yaml:2: warmth", "no such key"),
        ("workers: 0", "yaml:1: workers", "0 is no number from 1 on"),
        ("\nwarm: -1", "yaml:2: warm", "-1 is no number from 0 on"),
        ("workers: many", "workers", "'many' is no number"),
        ("workers: true", "workers", "True is no number"),
        ("threads: 5000", "threads", "more than 4096"),
        ("memory_max: lots", "memory_max", "not a size"),
        ("memory_growth_max: 0", "memory_growth_max", "0 is no number from 1 on"),
        ("- warm", "workers.yaml", "no list of keys and values"),
    ],
)
def test_what_is_of_no_use_is_refused_with_its_place(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert what in str(caught.value)
    assert where in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_worker_settings(tmp_path / "none.yaml")
