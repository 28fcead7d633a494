"""The files by which a freshly flashed box becomes a node: made here, put into the image elsewhere.

Three ways lead to the same script on the boot partition, ``cantor/first-boot.sh``:

- **cloud-init** (Ubuntu, Raspberry Pi OS since Trixie): ``vendor-data``, so that ``user-data`` is
  left to the person who flashes.
- **firstrun** (older Raspberry Pi OS): ``systemd.run=`` in ``cmdline.txt``, taken out again after.
- **unit**: a systemd unit in the root partition, for images with neither.

The script unpacks the agent and installs its unit. That unit enrols before it starts the agent, and
tries again for ever: the network may come later than the box.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.identity.tokens import EnrolmentToken

Mechanism = Literal["cloud-init", "firstrun", "unit"]

FOLDER = "cantor"
TOKEN_FILE = f"{FOLDER}/token"
AGENT_FILE = f"{FOLDER}/agent.tar.gz"
ABOUT_FILE = f"{FOLDER}/about.json"
SCRIPT_FILE = f"{FOLDER}/first-boot.sh"
ENROL_FILE = f"{FOLDER}/enrol.sh"
UNIT_FILE = f"{FOLDER}/cantor-agent.service"
VENDOR_FILE = "vendor-data"
CMDLINE_FILE = "cmdline.txt"

CMDLINE_WORDS = (
    "systemd.run=/boot/firmware/cantor/first-boot.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)
BOOT_FOLDERS = "/boot/firmware /boot/efi /boot /efi"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")

SCRIPT = """\
#!/bin/sh
# Makes this box a node of its mesh, once. Written by cantor flash; safe to run again.
set -eu
seed=$(cd "$(dirname "$0")" && pwd)
state=/var/lib/cantor
id cantor >/dev/null 2>&1 || useradd --system --home-dir "$state" --shell /usr/sbin/nologin cantor
for group in video render dialout plugdev; do
  if getent group "$group" >/dev/null; then usermod -aG "$group" cantor; fi
done
mkdir -p "$state" /opt/cantor
if [ -f "$seed/agent.tar.gz" ]; then
  rm -rf /opt/cantor/unfinished && mkdir /opt/cantor/unfinished
  tar -xzf "$seed/agent.tar.gz" -C /opt/cantor/unfinished --strip-components=1 --no-same-owner
  sync
  rm -rf /opt/cantor/agent && mv /opt/cantor/unfinished /opt/cantor/agent
  ln -sf /opt/cantor/agent/cantor /usr/local/bin/cantor
fi
cp "$seed/enrol.sh" /opt/cantor/enrol.sh
cp "$seed/cantor-agent.service" /etc/systemd/system/cantor-agent.service
chmod 0755 /opt/cantor/enrol.sh
chmod 0644 /etc/systemd/system/cantor-agent.service
if [ -f "$seed/token" ]; then
  (umask 077 && cp "$seed/token" "$state/token")
fi
chown -R cantor: "$state"
chmod 0700 "$state"
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../cantor-agent.service /etc/systemd/system/multi-user.target.wants/cantor-agent.service
sync
# From here on the card no longer lets anybody in who finds it.
rm -f "$seed/token" "$seed/agent.tar.gz"
cmdline="$seed/../cmdline.txt"
if [ -f "$cmdline" ]; then
  sed -i 's| systemd\\.run=[^ ]*cantor/first-boot\\.sh||; s| systemd\\.run_success_action=reboot||;\
 s| systemd\\.unit=kernel-command-line\\.target||' "$cmdline"
fi
sync
case " $(cat /proc/cmdline) " in
  *cantor/first-boot.sh*) ;;
  *) systemctl daemon-reload && systemctl --no-block restart cantor-agent.service ;;
esac
"""

ENROL = """\
#!/bin/sh
# Enrols with the token that cantor flash left, once; then the token goes.
set -eu
token=/var/lib/cantor/token
[ -f "$token" ] || exit 0
/opt/cantor/agent/cantor enroll "$(cat "$token")" --data /var/lib/cantor{name}
rm -f "$token"
"""

UNIT = """\
[Unit]
Description=Cantor Edge agent
Wants=network-online.target
After=network-online.target

[Service]
User=cantor
ExecStartPre=/opt/cantor/enrol.sh
ExecStart=/opt/cantor/agent/cantor agent --data /var/lib/cantor{options}
TimeoutStartSec=infinity
Restart=always
RestartSec=10
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ReadWritePaths=/var/lib/cantor

[Install]
WantedBy=multi-user.target
"""

VENDOR = f"""\
#!/bin/sh
# Run once by cloud-init. Written by cantor flash.
for folder in {BOOT_FOLDERS}; do
  if [ -f "$folder/{SCRIPT_FILE}" ]; then exec /bin/sh "$folder/{SCRIPT_FILE}"; fi
done
"""

ROOT_UNIT_NAME = "cantor-first-boot.service"
ROOT_UNIT = f"""\
[Unit]
Description=Make this box a node of its mesh
ConditionPathExists=!/opt/cantor/agent
RequiresMountsFor={BOOT_FOLDERS}

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for folder in {BOOT_FOLDERS}; do if [ -f "$folder/{SCRIPT_FILE}" ]; then \
exec /bin/sh "$folder/{SCRIPT_FILE}"; fi; done'

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the box shall become.

    Raises:
        ConfigError: a name or label has signs that cannot stand in a host name or label.
    """

    token: EnrolmentToken
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name and _NAME.fullmatch(self.name) is None:
            raise ConfigError(
                "a box's name has letters, digits, '.', '_' and '-'", where=repr(self.name[:64])
            )
        for text in (*self.labels.keys(), *self.labels.values()):
            if _LABEL.fullmatch(text) is None:
                raise ConfigError(
                    "a label has letters, digits, '.', '_', '/' and '-'", where=repr(text[:64])
                )


def mechanism_of(names: list[str]) -> Mechanism:
    """How an image starts things at its first boot, by the names on its boot partition."""
    if {"user-data", "meta-data"} & set(names):
        return "cloud-init"
    return "firstrun" if CMDLINE_FILE in names and "config.txt" in names else "unit"


def seed_files(wish: Wish, agent: bytes, about: Mapping[str, object]) -> dict[str, bytes]:
    """The files for the boot partition that all mechanisms share; ``agent`` may be empty."""
    name = f" --name {wish.name}" if wish.name else ""
    labels = "".join(f" --label {key}={value}" for key, value in sorted(wish.labels.items()))
    said = {"name": wish.name, "labels": dict(wish.labels), **about}
    files = {
        TOKEN_FILE: f"{wish.token.text}\n".encode(),
        SCRIPT_FILE: SCRIPT.encode(),
        ENROL_FILE: ENROL.format(name=name).encode(),
        UNIT_FILE: UNIT.format(options=name + labels).encode(),
        ABOUT_FILE: json.dumps(said, indent=1).encode(),
    }
    if agent:
        files[AGENT_FILE] = agent
    return files


def mechanism_files(mechanism: Mechanism, cmdline: bytes) -> dict[str, bytes]:
    """The files for the boot partition that one mechanism adds or changes."""
    if mechanism == "cloud-init":
        return {VENDOR_FILE: VENDOR.encode()}
    if mechanism == "firstrun":
        words = cmdline.decode("utf-8", errors="surrogateescape").split()
        kept = [word for word in words if word not in CMDLINE_WORDS]
        line = " ".join([*kept, *CMDLINE_WORDS]) + "\n"
        return {CMDLINE_FILE: line.encode("utf-8", errors="surrogateescape")}
    return {}
