from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docs.generate.blocks import Block, blocks_of
from docs.generate.walkthrough import StepError, Walkthrough, check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = """\
# A page

```bash
true
```

<!-- not run: needs a camera -->
```bash
cantor agent
```

<!-- not run: -->
```bash
nobody said why
```

<!-- runs: machine=line-1; until=listens on -->
```bash title="start.sh"
cantor agent
```

1. In a list:

   <!-- output -->
   ```text
   done in … s
   ```

```text
no mark
```
"""


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walkthrough]:
    walking = Walkthrough(tmp_path / "walk", own_network=False)
    yield walking
    walking.close()


def bash(text: str, **options: str) -> Block:
    keys = {key.replace("_", " "): value for key, value in options.items()}
    return Block("page.md", 1, "bash", text, options=keys)


def output(text: str) -> Block:
    return Block("page.md", 2, "text", text, kind="output")


def test_each_block_is_found_with_its_fate(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    found = blocks_of(page, "page.md")

    assert [block.fate for block in found] == ["run", "not run", "", "run", "output", ""]
    assert found[1].reason == "needs a camera"
    assert found[3].title == "start.sh"
    assert found[3].options == {"machine": "line-1", "until": "listens on"}
    assert (found[4].text, found[4].place) == ("done in … s", "page.md:25")


def test_a_block_that_does_not_end_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\ntrue\n")

    with pytest.raises(ValueError, match="line 1: the block does not end"):
        blocks_of(page, "page.md")


def test_variables_hold_for_the_blocks_after(walk: Walkthrough) -> None:
    walk.do(bash("TOKEN='a b'"))
    walk.do(bash('echo "<$TOKEN>"'))

    assert walk.output == "<a b>\n"


def test_each_machine_has_a_home_of_its_own(walk: Walkthrough) -> None:
    walk.do(bash('echo "$CANTOR_HOME"', machine="hub"))
    hub = walk.output
    walk.do(bash('echo "$CANTOR_HOME"', machine="line-1"))

    assert hub.endswith("/hub\n")
    assert walk.output.endswith("/line-1\n")


def test_a_failing_line_stops_the_page(walk: Walkthrough) -> None:
    with pytest.raises(StepError, match="exit code 1, not 0"):
        walk.do(bash("false\ntrue"))


def test_an_exit_code_that_is_right_is_accepted(walk: Walkthrough) -> None:
    walk.do(bash("exit 3", exit="3"))


def test_output_is_compared_line_by_line(walk: Walkthrough) -> None:
    walk.do(bash("echo first; echo done in 1.5 s; echo last"))

    walk.do(output("first\ndone in … s"))
    with pytest.raises(StepError, match="the page says"):
        walk.do(output("done in … s\nfirst"))
    with pytest.raises(StepError, match="the page says"):
        walk.do(output("done in 2 s"))


def test_what_goes_on_running_is_waited_for_and_ended(walk: Walkthrough, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    walk.do(bash(f"bash -c \"trap 'touch {gone}; exit' TERM; echo ready; sleep 60 & wait\"",
                 until="ready"))  # fmt: skip

    assert walk.output == "ready\n"
    walk.close()
    assert gone.exists()


def test_what_ends_before_it_is_ready_is_told(walk: Walkthrough) -> None:
    with pytest.raises(StepError, match=r"did not get ready:\nno"):
        walk.do(bash("echo no", until="ready"))


def test_a_block_is_tried_again_until_it_says_what_it_should(walk: Walkthrough) -> None:
    walk.do(bash("echo x >> tries; wc -l < tries", again_until="3"))

    assert walk.output.strip() == "3"


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("json", "{", "page.md:1"),
        ("toml", "a =", "page.md:1"),
        ("yaml", "a: [", "page.md:1"),
        ("yaml", "filters: {a: {type: hat}}", "unknown filter type 'hat'"),
    ],
)
def test_a_file_that_is_wrong_is_told(language: str, text: str, told: str) -> None:
    with pytest.raises(StepError, match=told):
        check(Block("page.md", 1, language, text))
