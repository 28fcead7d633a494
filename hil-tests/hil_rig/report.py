"""One self-contained HTML page of a run: verdicts, figures against limits, timelines, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from hil_rig.plots import harmless, measure_bar, series_plot, timeline_plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hil_rig.rig_file import RigSpec
    from hil_rig.timeline import Measure, Record

LOG_EVENTS_SHOWN = 400

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2530;--soft:#5c6b7a;--line:#d5dce3;--paper:#fff;
--card:#f6f8fa;
--good:#1a7f4b;--bad:#c0342b;--skip:#8a6d1d;--power:#b4690e;--console:#2563ad;--sent:#7a4bb0;
--frame:#1a7f7a;--fault:#c0342b;--note:#5c6b7a}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ee;--soft:#9aa8b5;--line:#33404c;--paper:#12181e;
--card:#1a2229;--good:#4cc38a;--bad:#ff8478;--skip:#e0bd5a;--power:#f0a94a;--console:#6fb1ff;
--sent:#c09bf0;--frame:#5bd0c8;--fault:#ff8478;--note:#9aa8b5}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;
max-width:1080px;padding:24px}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:0 0 4px;overflow-wrap:anywhere}
p{margin:4px 0}.soft{color:var(--soft)}code,pre{font:13px/1.45 ui-monospace,monospace}
table{border-collapse:collapse;width:100%;margin:12px 0}.wide{overflow-x:auto}
th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:500}td.n{text-align:right;font-variant-numeric:tabular-nums}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;
margin:16px 0}
.passed{color:var(--good)}.failed{color:var(--bad)}.skipped{color:var(--skip)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;max-height:360px;overflow:auto;margin:8px 0}
svg{width:100%;height:auto;display:block;margin:8px 0}svg text{fill:var(--soft);font-size:11px}
a{color:inherit}summary{cursor:pointer}
"""


def write_page(path: Path, spec: RigSpec, records: Sequence[Record], command: str) -> None:
    """Write the page.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(spec, records, command), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            remedy="name another folder with --rig-report",
        ) from error


def page(spec: RigSpec, records: Sequence[Record], command: str) -> str:
    """The page; it loads nothing from elsewhere."""
    counts = {
        word: sum(_verdict(record) == word for record in records)
        for word in ("passed", "failed", "skipped")
    }
    summary = ", ".join(
        f'<b class="{word}">{number} {word}</b>' for word, number in counts.items() if number
    )
    rows = "".join(_row(index, record) for index, record in enumerate(records))
    sections = "".join(_section(index, record) for index, record in enumerate(records))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Rig {harmless(spec.name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Rig {harmless(spec.name)}</h1><p>{summary or 'no test had a board'}</p>"
        f'<p class="soft">backend {harmless(spec.backend)}, seed {spec.seed}. '
        f"Again: <code>{harmless(_again(command, spec.seed))}</code></p>"
        "<div class='wide'><table><thead><tr><th>test</th><th>verdict</th><th>rig time</th>"
        "<th>real time</th><th>faults fired</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{sections}</body></html>\n"
    )


def _again(command: str, seed: int) -> str:
    return command if "--rig-seed" in command else f"{command} --rig-seed {seed}"


def _verdict(record: Record) -> str:
    return record.outcome if record.outcome in ("passed", "skipped") else "failed"


def _row(index: int, record: Record) -> str:
    verdict = _verdict(record)
    return (
        f'<tr><td><a href="#t{index}">{harmless(_short(record.test))}</a></td>'
        f'<td class="{verdict}">{verdict}</td><td class="n">{record.rig_s:.2f} s</td>'
        f'<td class="n">{record.wall_s:.2f} s</td>'
        f'<td class="n">{sum(record.faults.values()) or ""}</td></tr>'
    )


def _short(test: str) -> str:
    return test.rpartition("::")[2].removeprefix("test_").replace("_", " ")


def _section(index: int, record: Record) -> str:
    verdict = _verdict(record)
    parts = [
        f'<section id="t{index}"><h2>{harmless(_short(record.test))} — '
        f'<span class="{verdict}">{verdict}</span></h2>'
        f'<p class="soft">{harmless(record.test)}, seed {record.seed}</p>'
    ]
    if record.reason:
        parts.append(f"<pre>{harmless(record.reason)}</pre>")
    if record.measures:
        rows = "".join(_measure_row(measure) for measure in record.measures)
        parts.append(f"<div class='wide'><table><tbody>{rows}</tbody></table></div>")
    if record.faults:
        rows = "".join(
            f'<tr><td>{harmless(name)}</td><td class="n">fired {fired} times</td></tr>'
            for name, fired in record.faults.items()
        )
        parts.append(f"<table><thead><tr><th>fault</th></tr></thead><tbody>{rows}</tbody></table>")
    parts.append(timeline_plot(record))
    parts += [
        series_plot(name, points, record.units.get(name, ""))
        for name, points in record.series.items()
    ]
    parts.append(_log(record) + "</section>")
    return "".join(parts)


def _measure_row(measure: Measure) -> str:
    word = "≤" if measure.better == "lower" else "≥"
    limit = "" if measure.limit is None else f"{word} {measure.limit:g} {measure.unit}"
    mark = "passed" if measure.met else "failed"
    return (
        f'<tr><td>{harmless(measure.name)}</td><td class="n {mark}">{measure.value:.4g} '
        f'{harmless(measure.unit)}</td><td class="n">{harmless(limit)}</td>'
        f"<td>{measure_bar(measure)}</td></tr>"
    )


def _log(record: Record) -> str:
    if not record.events:
        return ""
    shown = record.events[:LOG_EVENTS_SHOWN]
    lines = "\n".join(f"{event.at_s:9.4f}  {event.lane:<8}{event.text}" for event in shown)
    left_out = len(record.events) - len(shown) + record.events_left_out
    more = f"\n({left_out} more)" if left_out else ""
    return f"<details><summary>log</summary><pre>{harmless(lines + more)}</pre></details>"
