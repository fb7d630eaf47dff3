"""A shop with Flask. See README.md."""

import json
import os

import crashvault
from flask import Flask, Response

if os.environ.get("CRASHVAULT") != "off":
    crashvault.install(project="python-flask", release="python-flask@1.4.0")

app = Flask(__name__)


@app.get("/users/<int:id>")
def user(id: int) -> str:
    crashvault.set_tag("user", id)
    return f"user {id}\n"


@app.get("/orders/<int:id>")
def order(id: int) -> str:
    crashvault.add_breadcrumb("reading one", category="orders")
    with open(f"orders/{id}.json", encoding="utf-8") as file:
        return str(json.load(file)["total"])


@app.get("/baskets/<name>")
def basket(name: str) -> Response:
    prices = {"tea": 3}

    def lines():
        yield "your basket\n"
        yield f"{name}: {prices[name]}\n"

    return app.response_class(lines(), mimetype="text/plain")
