"""Real servers for the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psycopg


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    def __init__(self, process, port):
        self.process, self.port = process, port

    def url(self, database):
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database, template=None):
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as c:
            c.execute(f'CREATE DATABASE "{database}"')

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def start_postgres(folder: Path) -> Postgres:
    folder.mkdir(parents=True)
    bin = Path("/usr/lib/postgresql/15/bin")
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    subprocess.run([bin / "initdb", "-D", folder / "d", "-U", "postgres", "-A", "trust", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL, env=env, cwd="/", **user)
    port = free_port()
    p = subprocess.Popen([bin / "postgres", "-D", folder / "d", "-p", str(port), "-k", folder, "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"], env=env, cwd="/", stderr=subprocess.DEVNULL, **user)
    server = Postgres(p, port)
    for _ in range(100):
        try:
            psycopg.connect(server.url("postgres").replace("+psycopg", "")).close()
            break
        except psycopg.OperationalError:
            time.sleep(0.1)
    return server
