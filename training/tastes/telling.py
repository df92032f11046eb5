"""What is said of a taste, and to whom: one wording for pages, API and command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Taste
from generation.jobs.hearing import kind_in_words

Share = Mapping[str, Any]
"""`value`, `low`, `high`, `votes` and `prompts`, as `training.tastes.fitting` stores them."""
NAMELESS = gettext_lazy("a rater whose account is gone")


@dataclass(frozen=True, slots=True)
class Difference:
    """A style or tempo of which it knows surely more, or less, than of the whole."""

    name: str
    share: Share
    is_better: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What the votes tell of two raters: `kind` is "shared", "opposite" or "open"."""

    raters: tuple[str, str]
    kind: str


def report_for(reader: User, taste: Taste) -> dict[str, Any]:
    """The report without what would name raters to those who are none of them; curators read all of it."""
    if reader.is_staff:
        return dict(taste.report)
    me = reader.get_username()
    mine = {name: share for name, share in taste.report.get("by_rater", {}).items() if name == me}
    among = [each for each in taste.report.get("agreements", []) if me in (each["rater"], each["other"])]
    return {**taste.report, "by_rater": mine, "agreements": among}


def verdict(taste: Taste) -> str:
    """Whether it can be used, and otherwise what would help."""
    report = taste.report
    if taste.is_usable and (why := taste.why_deaf):
        return gettext("It cannot be used now. %(why)s") % {"why": why}
    if taste.is_usable:
        bound = (
            gettext(" More than %(value)s %% is surely right.") % {"value": f"{100 * report['lower']:.0f}"}
            if report["lower"] > 0.5
            else ""
        )
        return gettext(
            "It can be used: it foretells votes on other prompts better than chance, whenever one looks.%(bound)s"
        ) % {"bound": bound}
    if report["votes_wanted"]:
        return gettext("It cannot be used yet. It probably needs about %(votes_wanted)s more votes.") % {
            "votes_wanted": f"{report['votes_wanted']:,}"
        }
    if report["votes_wanted"] == 0:
        return gettext(
            "It cannot be used yet: chance is ruled out, but the interval of its accuracy still "
            "holds one half. A few votes on further prompts decide it."
        )
    if any(relation.kind == "opposite" for relation in relations(report)):
        return gettext(
            "It cannot be used, and more votes of this kind would not help: some of its raters have "
            "opposite tastes. Learn one of each of them."
        )
    return gettext(
        "It cannot be used, and nothing tells that more votes of this kind would help. Votes on "
        "other prompts, on clips that differ more, or by raters who agree might."
    )


def accuracy_in_words(share: Share) -> str:
    """As in “68 % (61 to 75 %)”."""
    if share["value"] is None:
        return gettext("not known")
    return f"{100 * share['value']:.0f} % ({100 * share['low']:.0f} to {100 * share['high']:.0f} %)"


def differences(report: Mapping[str, Any]) -> list[Difference]:
    """The styles and tempos whose interval leaves out the accuracy of the whole, the best known first."""
    whole = report["accuracy"]["value"]
    known = [(name, share) for name, share in report.get("groups", {}).items() if share["value"] is not None]
    found = [
        Difference(name, share, is_better=share["low"] > whole)
        for name, share in known
        if whole is not None and not share["low"] <= whole <= share["high"]
    ]
    return sorted(found, key=lambda difference: -difference.share["value"])


def relations(report: Mapping[str, Any]) -> list[Relation]:
    """Of every two raters of the report, whether the taste of the one foretells the other's votes, or the opposite."""

    def pair(each: Mapping[str, Any]) -> tuple[str, str]:
        first, second = sorted((each["rater"], each["other"]))
        return first, second

    both = sorted(report.get("agreements", []), key=pair)
    return [Relation(raters, _kind([*of_two])) for raters, of_two in groupby(both, key=pair)]


def _kind(shares: list[Share]) -> str:
    opposite = any(share["high"] < 0.5 for share in shares)
    shared = any(share["low"] > 0.5 for share in shares)
    if opposite == shared:
        return "open"
    return "opposite" if opposite else "shared"


def agreement_in_words(reader: User, taste: Taste) -> list[str]:
    """Sentences on how its raters differ; names for curators, and to raters what concerns themselves."""
    everything = relations(taste.report)
    if not everything:
        return []
    opposite = sum(relation.kind == "opposite" for relation in everything)
    shared = sum(relation.kind == "shared" for relation in everything)
    return [_summary(len(everything), opposite, shared), *_by_name(reader, relations(report_for(reader, taste)))]


def _summary(pairs: int, opposite: int, shared: int) -> str:
    among = (
        gettext("The two raters with enough votes")
        if pairs == 1
        else gettext("Of %(pairs)s pairs of raters with enough votes") % {"pairs": pairs}
    )
    if pairs == 1:
        said = (
            gettext("have opposite tastes")
            if opposite
            else gettext("share a taste")
            if shared
            else gettext("cannot be told apart yet")
        )
        return f"{among} {said}."
    rest = pairs - opposite - shared
    told = gettext("%(among)s, %(shared)s share a taste and %(opposite)s have opposite ones") % {
        "among": among,
        "shared": shared,
        "opposite": opposite,
    }
    return (
        gettext("%(told)s; of %(rest)s the votes do not tell.") % {"told": told, "rest": rest} if rest else f"{told}."
    )


def _by_name(reader: User, named: list[Relation]) -> Iterator[str]:
    for relation in named:
        if relation.kind != "open":
            first, second = (_name(reader, name) for name in relation.raters)
            first = f"{first[0].upper()}{first[1:]}" if first in ("you", NAMELESS) else first
            names = {"first": first, "second": second}
            if relation.kind == "opposite":
                yield gettext("%(first)s and %(second)s have opposite tastes.") % names
            else:
                yield gettext("%(first)s and %(second)s share a taste.") % names


def _name(reader: User, name: str) -> str:
    return "you" if name == reader.get_username() else name or NAMELESS


def consistency_in_words(taste: Taste) -> str:
    """How steadily its rater answers, which bounds what can be foretold; empty when that is not known."""
    found = taste.report.get("consistency")
    if not found:
        return ""
    return gettext("gave %(same)s of %(repeats)s hidden repeats the same answer") % {
        "same": found["same"],
        "repeats": found["repeats"],
    }


def in_lines(taste: Taste) -> list[str]:
    """What it has learned, for a terminal."""
    report, share = taste.report, taste.report["accuracy"]
    return [
        gettext("%(taste_label)s: the taste of %(whose)s, from %(votes)s votes on %(prompts)s prompts.")
        % {"taste_label": taste.label, "whose": taste.whose, "votes": report["votes"], "prompts": report["prompts"]},
        gettext("It foretells %(share)s of votes on prompts held out; chance is 50 %%.")
        % {"share": accuracy_in_words(share)},
        *(gettext("Left out: %(each)s") % {"each": each} for each in not_heard(report)),
        verdict(taste),
    ]


def ears(taste: Taste) -> str:
    """What it listens to, as in “the sound itself, what studio-tiny makes of a clip”."""
    return ", ".join(kind_in_words(kind) for kind in taste.kinds)


def not_heard(report: Mapping[str, Any]) -> list[str]:
    """Sentences on the features that too few of the judged clips have, each without its beginning “Left out: ”."""
    return [
        gettext("%(kind)s, known of %(clips)s of %(of)s judged clips.")
        % {"kind": kind_in_words(each["kind"]), "clips": each["clips"], "of": each["of"]}
        for each in report.get("kinds_left_out", [])
    ]
