"""The templates shipped with the studio. They have no owner, so everyone sees them and curators may change them."""

from django.db import migrations

TEMPLATES = [
    {
        "name": "Electronic Dance",
        "category": "electronic",
        "description": "A festival-sized drop: four on the floor, a bright lead and a bass that pumps.",
        "text": "Festival dance track with a tight four-on-the-floor beat, a pumping sidechained bass and a bright "
        "synth hook that builds into a euphoric drop",
        "style": "electronic",
        "mood": "energetic",
        "tempo": 128,
        "primary_instruments": ["analog-synth-lead", "909-drums"],
        "secondary_instruments": ["hand-claps", "arpeggiator-synth", "riser"],
        "duration": 15,
    },
    {
        "name": "Ambient Chill",
        "category": "ambient",
        "description": "Wide, slow and weightless; nothing asks for attention.",
        "text": "Weightless ambient piece with long evolving pads, soft distant piano notes and a lot of air, "
        "like fog lifting slowly from a lake",
        "style": "ambient",
        "mood": "peaceful",
        "tempo": 70,
        "primary_instruments": ["analog-synth-pad"],
        "secondary_instruments": ["acoustic-piano", "field-recording"],
        "duration": 20,
    },
    {
        "name": "Cinematic Epic",
        "category": "cinematic",
        "description": "A trailer in one breath: low strings, big drums, brass on top.",
        "text": "Trailer score that starts with tense low strings, grows with pounding drums and breaks open into a "
        "soaring brass theme",
        "style": "cinematic",
        "mood": "dramatic",
        "tempo": 90,
        "primary_instruments": ["acoustic-strings-ensemble", "french-horn"],
        "secondary_instruments": ["taiko-drums", "choir"],
        "duration": 20,
    },
    {
        "name": "Jazz Lounge",
        "category": "jazz",
        "description": "A small trio late at night, played quietly and close.",
        "text": "Late night lounge trio with warm piano chords, a walking bass and a softly brushed swing, intimate "
        "and unhurried",
        "style": "jazz",
        "mood": "peaceful",
        "tempo": 95,
        "primary_instruments": ["acoustic-piano", "double-bass"],
        "secondary_instruments": ["acoustic-drum-kit", "saxophone"],
        "duration": 15,
    },
    {
        "name": "Pop Upbeat",
        "category": "pop",
        "description": "A sunny chorus that sticks after one listen.",
        "text": "Catchy feel-good pop chorus with a punchy beat, clean rhythm guitar and a sparkling synth melody "
        "made for singing along",
        "style": "pop",
        "mood": "uplifting",
        "tempo": 118,
        "primary_instruments": ["electric-guitar-clean", "poly-synth"],
        "secondary_instruments": ["acoustic-drum-kit", "hand-claps", "bass-guitar"],
        "duration": 15,
    },
    {
        "name": "Classical Piano",
        "category": "classical",
        "description": "One piano, a singing line, room to breathe.",
        "text": "Solo piano nocturne with a singing right hand melody over slow broken chords, expressive rubato and "
        "a quiet ending",
        "style": "classical",
        "mood": "melancholic",
        "tempo": 72,
        "primary_instruments": ["acoustic-piano"],
        "secondary_instruments": [],
        "duration": 20,
    },
    {
        "name": "Lo-fi Study",
        "category": "lo-fi",
        "description": "A dusty loop that stays out of the way while you work.",
        "text": "Mellow loop for studying with dusty swung drums, warm electric piano chords, a round bass and a "
        "little record crackle",
        "style": "lo-fi",
        "mood": "nostalgic",
        "tempo": 80,
        "primary_instruments": ["electric-piano", "lofi-drum-kit"],
        "secondary_instruments": ["bass-guitar", "vinyl-noise"],
        "duration": 15,
    },
]


def add_templates(apps, schema_editor):
    templates = apps.get_model("prompts", "PromptTemplate").objects.using(schema_editor.connection.alias)
    for values in TEMPLATES:
        templates.get_or_create(owner=None, name=values["name"], defaults=values)


def remove_templates(apps, schema_editor):
    templates = apps.get_model("prompts", "PromptTemplate").objects.using(schema_editor.connection.alias)
    templates.filter(owner=None, name__in=[values["name"] for values in TEMPLATES]).delete()


class Migration(migrations.Migration):
    dependencies = [("prompts", "0001_initial")]

    operations = [migrations.RunPython(add_templates, remove_templates)]
