"""The shared vocabulary of tags: raters add words, curators keep it in order."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext, ngettext

from feedback.exceptions import TagInUse, TagTaken, refused
from feedback.judgements.tag_names import normal_name
from feedback.models import SampleTag, Tag
from text2song.exceptions import Conflict, Forbidden


def resolve_tag(*, name: str, sign: str | None = None) -> Tag:
    """The tag a rater means by `name`: a synonym leads to its target, an unknown word becomes a free tag.

    A word that is not known yet needs a `sign`; a sign that contradicts the vocabulary is refused.
    """
    name = normal_name(name)
    tag = Tag.objects.select_related("synonym_of").filter(name=name).first()
    if tag is None:
        tag, _ = Tag.objects.get_or_create(name=name, defaults={"sign": _sign_of(name, sign)})
    tag = tag.synonym_of or tag
    if sign and sign != tag.sign:
        message = gettext("“%(tag)s” is a %(sign)s tag in the vocabulary; leave the sign out.") % {
            "tag": tag.name,
            "sign": tag.get_sign_display().lower(),
        }
        raise refused("sign", message)
    return tag


def create_tag(*, actor: User, name: str, sign: str | None) -> Tag:
    """Add a word to the vocabulary: curated if a curator adds it, else free. Raises `TagTaken` if it is there."""
    name = normal_name(name)
    tag = Tag(name=name, sign=_sign_of(name, sign), is_curated=actor.is_staff)
    try:
        with transaction.atomic():
            tag.save(force_insert=True)
    except IntegrityError as error:
        raise TagTaken(gettext("“%(name)s” is in the vocabulary already.") % {"name": tag.name}) from error
    return tag


def change_tag(*, tag: Tag, actor: User, **changes: Any) -> Tag:
    """Change `name`, `sign` or `is_curated` of a tag (curators); raises `TagTaken` for a name that is another's."""
    _curators_only(actor)
    if "name" in changes:
        changes["name"] = normal_name(changes["name"])
    if "sign" in changes:
        changes["sign"] = _sign_of(tag.name, changes["sign"])
    for name, value in changes.items():
        setattr(tag, name, value)
    try:
        with transaction.atomic():
            tag.save(update_fields=list(changes))
    except IntegrityError as error:
        raise TagTaken(
            gettext("“%(name)s” is in the vocabulary already; merge the two instead.") % {"name": tag.name}
        ) from error
    return tag


def merge_tag(*, tag: Tag, into: Tag, actor: User) -> Tag:
    """Move every use of `tag` to `into`, and keep `tag` as a synonym that leads there (curators).

    Where a rater used both on the same place, one use remains. Returns the target. Raises `Conflict` when both lead to
    the same tag already.
    """
    _curators_only(actor)
    with transaction.atomic():
        ends = {row.pk: row for row in Tag.objects.select_for_update().filter(pk__in=[tag.pk, into.pk])}
        tag, into = ends[tag.pk], ends[into.pk]
        target = into.synonym_of or into
        if target == tag or tag.synonym_of_id == target.pk:
            message = gettext("“%(tag)s” and “%(other)s” are the same tag already.") % {
                "tag": tag.name,
                "other": into.name,
            }
            raise Conflict(message, fields={"into": [message]})
        _move_uses(tag, target)
        tag.synonyms.update(synonym_of=target)
        tag.synonym_of, tag.is_curated = target, False
        tag.save(update_fields=["synonym_of", "is_curated"])
    return target


def _move_uses(tag: Tag, target: Tag) -> None:
    uses = SampleTag.objects.filter(tag=tag).annotate(begin=Coalesce("start", Value(-1.0)))
    same = SampleTag.objects.annotate(begin=Coalesce("start", Value(-1.0))).filter(
        Q(end=OuterRef("end")) | Q(begin=-1.0),
        tag=target,
        rater=OuterRef("rater"),
        sample=OuterRef("sample"),
        begin=OuterRef("begin"),
    )
    doubled = list(uses.filter(Exists(same)).values_list("pk", flat=True))
    SampleTag.objects.filter(pk__in=doubled).delete()
    SampleTag.objects.filter(tag=tag).update(tag=target)


def delete_tag(*, tag: Tag, actor: User) -> None:
    """Take an unused word, and its synonyms, out of the vocabulary (curators); raises `TagInUse` for a used one."""
    _curators_only(actor)
    uses = tag.uses.count()
    if uses:
        message = ngettext(
            "“%(tag)s” is used on one sample. Merge it into another tag instead.",
            "“%(tag)s” is used on %(n)s samples. Merge it into another tag instead.",
            uses,
        )
        raise TagInUse(message % {"tag": tag.name, "n": uses})
    tag.delete()


def _sign_of(name: str, sign: str | None) -> str:
    """`sign`, which nobody but the person who brings the word can know. Raises `Refused` without a known one."""
    if not sign:
        raise refused(
            "sign", gettext("“%(name)s” is a new tag: say whether it is good, bad or neutral.") % {"name": name}
        )
    if sign not in Tag.Sign.values:
        raise refused("sign", gettext("The sign must be one of: %(values)s.") % {"values": ", ".join(Tag.Sign.values)})
    return sign


def _curators_only(actor: User) -> None:
    if not actor.is_staff:
        raise Forbidden(gettext("Only curators can change the vocabulary."))
