"""Topics with a place for the device, what they hear, and which of them would be confused."""

from __future__ import annotations

import re

import pytest

from firmware_bridge.topics import DEVICE_NAME, TOPIC_PATTERN, Topic, first_overlap


@pytest.mark.parametrize(
    "text", ["{device}", "a/{device}", "{device}/b", "a/b/{device}/c/d", "/{device}"]
)
def test_a_topic_has_the_device_as_one_level(text: str) -> None:
    assert re.fullmatch(TOPIC_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    ["", "a/b", "a/x{device}", "{device}/{device}", "a/+/{device}", "{device}/#", "{device}/{x}"],
)
def test_other_topics_are_refused(text: str) -> None:
    assert not re.fullmatch(TOPIC_PATTERN, text)


def test_the_subscription_hears_every_device() -> None:
    assert Topic("a/{device}/b").filter == "a/+/b"


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("a/{device}", "a/{device}", True),
        ("{device}/b", "a/{device}", True),
        ("a/{device}", "b/{device}", False),
        ("a/{device}", "a/{device}/b", False),
        ("a/{device}/state", "a/{device}/readings", False),
    ],
)
def test_topics_that_one_message_could_fit_are_found(one: str, other: str, overlap: bool) -> None:
    assert (first_overlap([Topic(one), Topic(other)]) is not None) is overlap


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a" * 65, "a\n"])
def test_odd_names_are_no_device(name: str) -> None:
    assert not DEVICE_NAME.fullmatch(name)
