"""The programs in the README run, and print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.M | re.S)


def test_its_programs_print_what_it_says(tmp_path: Path) -> None:
    """One after the other, as a reader would, in a vault of their own."""
    env = {**os.environ, "CRASHVAULT_HOME": str(tmp_path / "vault")}
    program = tmp_path / "program.py"
    printed = ""
    ran = 0
    for language, text in BLOCK.findall(README.read_text()):
        if language == "python":
            assert printed == "", "what a program printed is not in the README"
            program.write_text(text)
            done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), text
            printed = done.stdout
            ran += 1
        elif language == "text":
            assert printed == text
            printed = ""
    assert (ran, printed) == (3, "")
