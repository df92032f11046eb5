"""Real worker processes with the bundled model: killed, cancelled, restarted."""

from __future__ import annotations

import os
import signal
import time

import pytest

from text2song.tests.live import LiveStudio, wait_until

pytestmark = pytest.mark.worker

LONG = {"num_samples": 8, "duration": 60, "long_form": True}


def running_with_progress(studio: LiveStudio, job_id: str) -> bool:
    job = studio.job(job_id)
    return job["state"] == "running" and job["steps_done"] > 0


def test_a_job_goes_from_the_api_to_sound(live_studio: LiveStudio):
    sent = live_studio.generate("calm piano at dusk", num_samples=2, duration=3, seed=1)
    assert sent["state"] == "queued"
    job = live_studio.wait_for(sent["id"], "completed")
    assert len(job["samples"]) == 2
    stream = live_studio.api.get(f"/audio/{job['samples'][0]['id']}/stream/")
    assert stream.status_code == 200
    assert stream.content[:4] == b"fLaC"


def test_a_killed_worker_loses_nothing(live_studio: LiveStudio):
    """SIGKILL in the middle: the job completes without anyone's help, once, with one set of samples."""
    job_id = live_studio.generate("a lively tune", num_samples=4, duration=30, long_form=True)["id"]
    wait_until(lambda: running_with_progress(live_studio, job_id), 60, "progress")
    live_studio.kill("worker")
    assert live_studio.wait_for(job_id, "completed")["attempts"] == 1
    samples = live_studio.api.get("/audio/", params={"job": job_id}).json()
    assert [sample["index"] for sample in sorted(samples["results"], key=lambda s: s["index"])] == [0, 1, 2, 3]
    live_studio.manage("prune", "--older-than", "0", "--yes")
    in_rows = live_studio.api.get("/audio/").json()["count"]
    assert len(live_studio.files()) == 2 * in_rows, "nothing lost, nothing left over"


def test_a_whole_cluster_killed_at_once_comes_back(live_studio: LiveStudio):
    job_id = live_studio.generate("a lively tune", num_samples=4, duration=30, long_form=True)["id"]
    wait_until(lambda: running_with_progress(live_studio, job_id), 60, "progress")
    live_studio.kill_cluster()
    assert live_studio.wait_for(job_id, "completed")["attempts"] == 1


@pytest.mark.parametrize("part", ["worker", "monitor", "pusher", "main"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_whichever_idle_process_dies_or_stops_the_next_job_is_made(live_studio: LiveStudio, part: str, number: int):
    """And until then nothing says that all is well, unless work gets done."""
    wait_until(live_studio.is_ready, 60, "a ready studio")
    victim = live_studio.kill(part, number=number)
    killed_at = time.monotonic()
    live_studio.wait_for(live_studio.generate("still fine", num_samples=1, duration=1)["id"], "completed", seconds=60)
    assert time.monotonic() - killed_at < 60
    if part != "main" or number == signal.SIGKILL:
        wait_until(lambda: victim not in {p.pid for p in live_studio.processes()}, 60, "the victim's end")
        whole = lambda: len(live_studio.tree()) == 4 and len(live_studio.processes()) == 14  # noqa: E731
        wait_until(whole, 60, "a whole cluster again, without an orphan")
        wait_until(live_studio.is_ready, 60, "a ready studio")
    else:
        os.kill(victim, signal.SIGCONT)


def test_a_worker_asked_to_end_hands_its_job_back_at_once(live_studio: LiveStudio):
    job_id = live_studio.generate("a lively tune", num_samples=4, duration=30, long_form=True)["id"]
    wait_until(lambda: running_with_progress(live_studio, job_id), 60, "progress")
    live_studio.kill("worker", number=signal.SIGTERM)
    wait_until(lambda: live_studio.job(job_id)["state"] == "queued", 5, "the job's return to the queue")
    assert live_studio.wait_for(job_id, "completed")["attempts"] == 0


def test_cancelling_a_running_job_stops_it_within_two_seconds_and_leaves_no_file(live_studio: LiveStudio):
    before = live_studio.files()
    job_id = live_studio.generate("a long tune", **LONG)["id"]
    wait_until(lambda: running_with_progress(live_studio, job_id), 60, "progress")
    cancelled_at = time.monotonic()
    assert live_studio.api.delete(f"/generate/{job_id}/").status_code == 204
    # The worker is free again as soon as the next job moves.
    following = live_studio.generate("a short tune", num_samples=1, duration=1)["id"]
    wait_until(lambda: live_studio.job(following)["state"] in {"running", "completed"}, 10, "the next job")
    assert time.monotonic() - cancelled_at < 2.0
    assert live_studio.job(job_id)["state"] == "cancelled"
    done = live_studio.wait_for(following, "completed")
    assert len(done["samples"]) == 1
    assert len(set(live_studio.files()) - set(before)) == 2, "the next job's files, and none of the cancelled one"


def test_a_queued_job_that_is_cancelled_never_runs(live_studio: LiveStudio):
    blocker = live_studio.generate("a long tune", **LONG)["id"]
    wait_until(lambda: running_with_progress(live_studio, blocker), 60, "progress")
    waiting = live_studio.generate("never heard", num_samples=1, duration=2)["id"]
    assert live_studio.job(waiting)["queue_position"] == 1
    assert live_studio.api.delete(f"/generate/{waiting}/").status_code == 204
    assert live_studio.api.delete(f"/generate/{blocker}/").status_code == 204
    last = live_studio.generate("heard", num_samples=1, duration=1)["id"]
    live_studio.wait_for(last, "completed")
    job = live_studio.job(waiting)
    assert (job["state"], job["attempts"]) == ("cancelled", 0)


def test_the_generate_command_writes_files_and_replays(live_studio: LiveStudio, tmp_path):
    arguments = ["calm piano at dusk", "--samples", "2", "--duration", "2", "--seed", "42", "--out", str(tmp_path)]
    live_studio.manage("generate", *arguments)
    live_studio.manage("generate", *arguments)
    codes = sorted(path.read_bytes() for path in tmp_path.glob("*-A.npz"))
    assert len(list(tmp_path.glob("*.flac"))) == 4
    assert len(codes) == 2
    assert codes[0] == codes[1], "the same seed gives the same codes"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["   "], "1 to 2000"),
        (["a tune", "--duration", "99"], "limit"),
        (["a tune", "--samples", "9"], "num_samples"),
        (["a tune", "--model", "nobody"], "Known models"),
        (["a tune", "--instrument", "kazoo"], "kazoo"),
        (["a tune", "--model", "musicgen-small"], "fetch_model"),
    ],
)
def test_the_generate_command_says_what_is_wrong(live_studio: LiveStudio, tmp_path, arguments, said):
    output = live_studio.manage("generate", *arguments, "--out", str(tmp_path), check=False)
    assert said in output
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_fetching_without_a_network_says_what_to_do(live_studio: LiveStudio):
    output = live_studio.manage("fetch_model", "facebook/musicgen-small", check=False)
    assert "cannot reach the model hub" in output
    assert "add its folder" in output
    assert "Traceback" not in output
    live_studio.wait_for(live_studio.generate("still fine", num_samples=1, duration=1)["id"], "completed")
