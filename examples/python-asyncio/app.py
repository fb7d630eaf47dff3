"""A server of coroutines, without a framework. See README.md."""

import asyncio
import os
from urllib.parse import parse_qs

import crashvault
from crashvault.integrations.asgi import AsgiMiddleware

if os.environ.get("CRASHVAULT") != "off":
    crashvault.install(project="python-asyncio", release="python-asyncio@1.4.0")

PRICES = {"tea": 3, "milk": 2}
mails = set()


async def price(item):
    crashvault.set_tag("item", item)
    crashvault.add_breadcrumb("looking up a price", category="shop")
    await asyncio.sleep(0.01)
    return PRICES[item]


async def total(items):
    return sum(await asyncio.gather(*(price(item) for item in items)))


async def send_mail(to):
    crashvault.set_tag("to", to)
    raise ConnectionError(f"no way to {to}")


async def shop(scope, receive, send):
    query = parse_qs(scope["query_string"].decode())
    crashvault.set_transaction(f"{scope['method']} {scope['path']}")
    if scope["path"] == "/total":
        answer = await total(query["item"])
    elif scope["path"] == "/mail":
        task = asyncio.ensure_future(send_mail(query["to"][0]))
        mails.add(task)
        task.add_done_callback(mails.discard)
        answer = "it will be sent"
    else:
        answer = "hello"
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": f"{answer}\n".encode()})


app = AsgiMiddleware(shop)
