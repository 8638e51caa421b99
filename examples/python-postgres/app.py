"""A guest book: whoever comes leaves a line. `celadon addons:create heroku-postgresql` gives it its DATABASE_URL."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

# libpq asks for TLS by itself; the certificate is the platform's.
URL = os.environ.get("DATABASE_URL", "")


class GuestBook(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, text = self.answer()
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self) -> tuple[int, str]:
        if not URL:
            return 200, "No database yet: celadon addons:create heroku-postgresql\n"
        try:
            with psycopg.connect(URL, sslmode="require", connect_timeout=5) as connection:
                connection.execute("create table if not exists visits (at timestamptz not null default now())")
                connection.execute("insert into visits default values")
                found = connection.execute("select count(*) from visits").fetchone()
        except psycopg.Error as error:
            return 503, f"No database: {error}\n"
        return 200, f"visits: {found[0] if found else 0}\n"


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ["PORT"])), GuestBook).serve_forever()
