"""Tries what is installed, in an environment that has nothing else: captures, and reads back what it captured.

python installed.py VAULT
"""

from __future__ import annotations

import shutil
import sys

import crashvault


class CardError(Exception):
    pass


def pay(amount: int) -> None:
    raise CardError(f"card declined for {amount}")


def main(home: str) -> None:
    tools = [tool for tool in ("cargo", "rustc", "cc", "crashvault") if shutil.which(tool)]
    assert not tools, f"this must go without {tools}"
    installed = crashvault.install(vault=home, drain=False)
    assert installed.note is None, installed.note
    try:
        pay(17)
    except CardError:
        id = crashvault.capture_exception()
    assert id, "nothing was kept"
    with crashvault.open(home) as vault:
        (issue,) = vault.issues()
        event = vault.event(id)
    assert issue.title == "CardError: card declined for 17", issue
    frame = event["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["vars"]) == ("pay", {"amount": 17}), frame
    print(f"captured and read back: {issue.title}")


if __name__ == "__main__":
    main(*sys.argv[1:])
