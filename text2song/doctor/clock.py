"""Whether another's clock tells the time this machine's does."""

from __future__ import annotations

from datetime import timedelta

from text2song.doctor.finding import Finding, ok, warning, wrong

MEND = "Set both machines' clocks by network time (chrony, systemd-timesyncd)."


def compare(whose: str, ahead: timedelta, suspicious: timedelta, unusable: timedelta) -> Finding:
    """Judge how far the clock of `whose` is ahead of this machine's; negative when it is behind."""
    seconds = abs(ahead.total_seconds())
    if abs(ahead) < suspicious:
        return ok(f"The clock of {whose} agrees with this machine's to {max(seconds, 0.1):.1f} seconds.")
    say = wrong if abs(ahead) >= unusable else warning
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    return say(f"The clock of {whose} is {seconds:.0f} seconds {direction} this machine's.", MEND)
