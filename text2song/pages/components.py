"""Components that hold words of their own, usable in every template without loading.

{% empty_state icon="tests" title="No suites yet" url=new_url action="Make the first suite" %}
  A suite is a fixed list of prompts that models are compared on.
{% endempty_state %}
"""

from __future__ import annotations

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from text2song.retelling import retold

register = template.Library()
register.filter("retold", retold)


@register.simple_block_tag
def empty_state(
    content: SafeString, *, icon: str, title: str, url: str = "", action: str = "", url2: str = "", action2: str = ""
) -> SafeString:
    """What belongs here where there is nothing yet, in the words of the block, and the first step towards it;
    `url2`, `action2` for a second way."""
    steps = {"url": url, "action": action, "url2": url2, "action2": action2}
    context = {"icon": icon, "title": title, "text": content.strip(), **steps}
    return render_to_string("components/empty.html", context)
