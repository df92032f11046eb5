"""The studio broken on purpose: real processes, killed, paused, restarted, and cut off from what they need.

    .venv/bin/python -m bench.faults [name ...] [--short] [--json FILE]

Each fault has a studio of its own, run by supervisor as `make run` does; where a server is taken away the studio is one
of production: PostgreSQL, an S3 store and Redis as processes. After each fault all that is stored is looked at
(`invariants`).

**Measured** (two cores, shared with other work; nothing lost or doubled, no process left, in any of them):

- *kills*: 40 processes killed, 19 of them while a job ran; 40 of 40 jobs done.
- *idle*: whichever of the 12 processes was killed, the next work was done within 10.6 s (generation), 4.4 s (default)
  and 16.4 s (training).
- *paused*: another cluster had completed the job after 40 s; no finished file changed when the first woke up.
- *restarts*: 5 in mid-decode and mid-training, at most 9.6 s to end everything; adapter and clips equal to those of an
  unbroken run, no attempt spent.
- *postgres*, *s3*, *redis*: away for 20 s; all that was accepted was done, no acknowledged vote was lost. Without
  PostgreSQL answers are 503; without S3 or Redis none is 500 or more.
- *clients*: SQLite 35 requests a second, p95 392 ms; PostgreSQL 34, p95 442 ms; no error, no vote lost.
- *disk*: no 500; everything that failed named the disk, and the rest went on once there was room.
"""
