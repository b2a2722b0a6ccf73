"""Databases that several tests of a module share, since making one takes longer than a test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database on a server, as a user writes it, while the block runs."""
    url = sa.make_url(server)
    mysql = url.get_backend_name() == "mysql"
    name = f"crm_{secrets.token_hex(6)}"
    driver = "mysql+pymysql" if mysql else "postgresql+psycopg"
    engine = sa.create_engine(url.set(drivername=driver), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if mysql else ""))
    yield url.set(drivername="mysql" if mysql else "postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}" + ("" if mysql else " WITH (FORCE)"))
