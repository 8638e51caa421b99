"""A small page that says which dyno answered and what it was told by its config vars."""

import os

from flask import Flask, render_template, request

app = Flask(__name__)


@app.get("/")
def page():
    return render_template(
        "page.html",
        app=os.environ.get("HEROKU_APP_NAME", "this app"),
        dyno=os.environ.get("DYNO", "no dyno"),
        greeting=os.environ.get("GREETING", "Hello"),
        host=request.host,
    )


@app.get("/health")
def health():
    return {"status": "ok", "dyno": os.environ.get("DYNO")}
