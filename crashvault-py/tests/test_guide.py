"""The programs in the guide and the README run, and print what these say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "guide" / "python.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", flags=re.M | re.S)
FOREIGN = re.compile(r"^from (celery|fastapi|flask) import", flags=re.M)


def programs() -> List[Tuple[str, str]]:
    found: List[Tuple[str, str]] = []
    for page in PAGES:
        found += BLOCK.findall(page.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("program", "output"), programs())
def test_a_program_prints_what_the_guide_says(program: str, output: str, tmp_path: Path) -> None:
    missing = [name for name in FOREIGN.findall(program) if find_spec(name) is None]
    if missing:
        pytest.skip(f"missing tool: {', '.join(missing)}")
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    env = {**os.environ, "CRASHVAULT_HOME": str(tmp_path / "vault")}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_its_programs_are_found() -> None:
    blocks = [page.read_text(encoding="utf-8").count("```python") for page in PAGES]
    assert min(blocks) >= 1 and len(programs()) == sum(blocks) >= 8
