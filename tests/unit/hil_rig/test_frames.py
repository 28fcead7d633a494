from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil_rig.frames import GAP_S, PAYLOAD_BYTES_MAX, AppFrame, Splitter, decode, encode

frames = st.builds(
    AppFrame,
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.binary(max_size=PAYLOAD_BYTES_MAX),
)
texts = st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=40).map(str.encode)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    cut: list[bytes] = []
    for size in sizes:
        cut.append(data[:size])
        data = data[size:]
    return [*cut, data]


@given(st.lists(st.tuples(texts, frames), max_size=5), st.lists(st.integers(1, 30), max_size=20))
def test_text_and_frames_come_apart_however_they_are_cut(
    said: list[tuple[bytes, AppFrame]], sizes: list[int]
) -> None:
    splitter = Splitter()
    stream = b"".join(text + encode(frame) for text, frame in said)

    found = [splitter.feed(piece, 0.0) for piece in pieces(stream, sizes)]

    assert b"".join(text for text, _ in found) == b"".join(text for text, _ in said)
    assert [one for _, some in found for one in some] == [frame for _, frame in said]
    assert splitter.damaged == 0


@given(st.binary(max_size=600), frames)
def test_any_noise_is_over_after_one_gap(noise: bytes, frame: AppFrame) -> None:
    splitter = Splitter()
    splitter.feed(noise, 0.0)

    text, found = splitter.feed(b"ok" + encode(frame), GAP_S)

    assert found == [frame]
    assert text == b"ok"


@given(frames, st.data())
def test_a_flipped_bit_is_never_believed(frame: AppFrame, data: st.DataObject) -> None:
    sent = bytearray(encode(frame)[2:-1])
    place = data.draw(st.integers(0, len(sent) * 8 - 1))
    sent[place // 8] ^= 1 << place % 8

    assert decode(bytes(sent)) is None


def test_a_frame_without_an_end_does_not_swallow_the_console() -> None:
    splitter = Splitter()
    splitter.feed(encode(AppFrame(1, 1, b"x" * 50))[:20], 0.0)

    text, _ = splitter.feed(b"sim> ", GAP_S)

    assert text == b"sim> "
    assert splitter.damaged == 1
