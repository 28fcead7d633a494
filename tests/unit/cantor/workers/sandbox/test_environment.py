from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.workers.sandbox.environment import cleaned

HERE = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "1",
    "HOME": "/root",
    "AWS_SECRET_ACCESS_KEY": "s",
    "CANTOR_TOKEN": "s",
    "SSL_CERT_FILE": "/ca.pem",
    "https_proxy": "http://user:word@proxy",
    "LD_PRELOAD": "/evil.so",
}


def test_only_what_is_needed_stays() -> None:
    kept = cleaned(HERE, "full")

    assert kept["PATH"] == "/bin"
    assert kept["LC_ALL"] == "C"
    assert kept["OMP_NUM_THREADS"] == "1"
    assert kept["HOME"] == "/tmp"  # noqa: S108 (its own)
    assert "s" not in kept.values()
    assert not {"https_proxy", "LD_PRELOAD", "SSL_CERT_FILE"} & set(kept)


def test_with_a_network_its_certificates_stay_too() -> None:
    assert cleaned(HERE, "net")["SSL_CERT_FILE"] == "/ca.pem"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_cleaning_twice_changes_nothing_more(environment: dict[str, str]) -> None:
    once = cleaned(environment, "full")

    assert cleaned(once, "full") == once
