"""One page. Change the text, commit and deploy: it is live half a minute later."""

import os

from flask import Flask, render_template

app = Flask(__name__)


@app.get("/")
def home():
    return render_template("home.html", text="Hello from Flask", dyno=os.environ.get("DYNO", "this machine"))


@app.get("/health")
def health():
    return {"status": "ok"}
