"""How a simulated camera is asked for: the text of an environment variable or of a device path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cantor.base.errors import ConfigError
from edge_devices.simulated.scene import check_scene

VARIABLE: Final = "CANTOR_SIMULATED_CAMERA"
PATH_PREFIX: Final = "sim:"


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """Which scene the camera looks at, its largest picture, and its frames per second."""

    seed: int = 7
    width: int = 640
    height: int = 480
    fps: float = 30.0

    def __post_init__(self) -> None:
        check_scene(self.seed, self.width, self.height, self.fps)
        if self.width % 2:
            raise _misread(self.path)

    @property
    def path(self) -> str:
        """Where the camera is opened: ``sim:`` and the text that ``parse`` reads."""
        return f"{PATH_PREFIX}seed={self.seed},size={self.width}x{self.height},fps={self.fps:g}"

    @classmethod
    def parse(cls, text: str) -> CameraOptions:
        """Read ``1`` or ``seed=7,size=640x480,fps=30`` (any of the three, ``sim:`` may precede).

        Raises:
            ConfigError: an unknown key, a value that is no number, or one out of range.
        """
        if text.strip() in ("1", PATH_PREFIX):
            return cls()
        given: dict[str, str] = {}
        for item in text.removeprefix(PATH_PREFIX).split(","):
            key, equals, value = item.strip().partition("=")
            if not equals or key not in ("seed", "size", "fps") or key in given:
                raise _misread(item)
            given[key] = value
        usual = cls()
        width, cross, height = given.get("size", f"{usual.width}x{usual.height}").partition("x")
        try:
            return cls(
                int(given.get("seed", usual.seed)),
                int(width),
                int(height if cross else ""),
                float(given.get("fps", usual.fps)),
            )
        except ValueError as error:
            raise _misread(text) from error


def _misread(text: str) -> ConfigError:
    return ConfigError(
        f"{text.strip()!r} does not describe a simulated camera",
        where=VARIABLE,
        remedy="write 1, or a list like seed=7,size=640x480,fps=30; the width is even",
    )
