"""The provider of the simulated camera says nothing unless it was asked for."""

from __future__ import annotations

import pytest

from cantor.base.errors import ConfigError
from cantor.base.resources import DeviceProvider, Resource
from edge_devices.simulated.camera import SimulatedCamera
from edge_devices.simulated.options import VARIABLE, CameraOptions
from edge_devices.simulated.provider import SimulatedCameraProvider


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: " "}, {VARIABLE: "0"}])
def test_there_is_no_camera_by_default(environment: dict[str, str]) -> None:
    assert SimulatedCameraProvider(environment=environment).scan() == []


def test_the_real_environment_counts_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert SimulatedCameraProvider().scan() == []
    monkeypatch.setenv(VARIABLE, "1")
    assert len(SimulatedCameraProvider().scan()) == 1


def test_a_camera_that_was_asked_for_gives_the_resources_of_one() -> None:
    provider: DeviceProvider = SimulatedCameraProvider(environment={VARIABLE: "seed=3,fps=15"})
    (device,) = provider.scan()
    assert device.kind == "camera"
    assert device.id == "sim:conveyor-3"
    assert CameraOptions.parse(device.path) == CameraOptions(seed=3, fps=15.0)
    assert device.provides == (
        Resource("USBCamera", "condition", value=True),
        Resource("Camera", "quantity", 1),
    )
    assert "MJPG:640x480@15" in device.attributes["formats"].split()


def test_a_pulled_camera_leaves_the_list_and_comes_back() -> None:
    camera = SimulatedCamera()
    provider = SimulatedCameraProvider(camera, environment={})
    before = provider.scan()
    camera.unplug()
    assert provider.scan() == []
    camera.plug_in()
    assert provider.scan() == before


def test_a_wrong_environment_names_the_variable() -> None:
    with pytest.raises(ConfigError, match=VARIABLE):
        SimulatedCameraProvider(environment={VARIABLE: "maybe"})
