"""A page that puts texts into the queue and shows what the worker has made of them."""

import redis
from flask import Flask, redirect, render_template, request

import work

app = Flask(__name__)


@app.get("/")
def home():
    queue = work.connect()
    try:
        waiting, done = (queue.llen(work.TASKS), queue.lrange(work.DONE, 0, 9)) if queue else (None, [])
    except redis.RedisError:
        waiting, done = None, []
    return render_template("home.html", waiting=waiting, done=done)


@app.post("/tasks")
def add():
    queue = work.connect()
    text = request.form.get("text", "").strip()[:200]
    if queue and text:
        work.put(queue, text)
    return redirect("/", 303)
