"""The studio broken on purpose: real processes, killed, paused, restarted, and cut off from what they need.

    .venv/bin/python -m bench.faults [name ...] [--short] [--json FILE]

Each fault has a studio of its own, run by supervisor as `make run` does; where a server is taken away the studio is one
of production: PostgreSQL, an S3 store and Redis as processes. After each fault all that is stored is looked at
(`invariants`).
"""
