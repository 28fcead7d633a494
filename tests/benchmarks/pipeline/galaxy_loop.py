"""The work of the plain loop as a Galaxy pipeline of strong filters."""

from __future__ import annotations

import sys

from galaxy.builder import PipelineBuilder
from galaxy.runtime import Runtime


def main(video: str, model: str, threads: str, frames_max: str, parallel: str = "1") -> None:
    """Decode, detect, draw, encode, count."""
    build = PipelineBuilder("bench")
    source = build.add("video", "file", params={"path": video})
    params: dict[str, object] = {
        "model": model,
        "intra_op_threads": int(threads),
        "parallel": int(parallel),
    }
    detect = build.add("detect", "onnx", params=params)
    overlay, preview = build.add("overlay", "overlay"), build.add("preview", "mjpeg_preview")
    build.connect(source["image"], detect["image"])
    build.connect(detect["image"], overlay["image"])
    build.connect(overlay["image"], preview["image"])
    build.connect(detect["image"], build.add("count", "count")["frame"])
    Runtime(build.build(), registry=build.registry, frames_max=int(frames_max)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
