"""Tasks for a worker of Celery, with directories for a broker. See README.md."""

import os
from pathlib import Path

import crashvault
from celery import Celery

if os.environ.get("CRASHVAULT") != "off":
    crashvault.install(project="python-celery", release="python-celery@1.4.0")

HOME = Path(os.environ.get("SHOP_HOME", "shop"))
for name in ("queue", "control", "results"):
    (HOME / name).mkdir(parents=True, exist_ok=True)

app = Celery("shop", broker="filesystem://", backend=f"file://{(HOME / 'results').absolute()}")
app.conf.broker_transport_options = {
    "data_folder_in": str(HOME / "queue"),
    "data_folder_out": str(HOME / "queue"),
    "control_folder": str(HOME / "control"),
}


class CardError(Exception):
    pass


@app.task
def greet(name: str) -> str:
    crashvault.set_tag("name", name)
    return f"hello {name}"


@app.task
def pay(order: int, amount: int) -> None:
    crashvault.add_breadcrumb("charging the card", category="payment")
    raise CardError(f"card declined for {amount}")
