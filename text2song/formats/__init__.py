"""How dates and times are written, by language. Templates name a format: `{{ moment|date:"DATETIME_FORMAT" }}`.

EXACT_DATETIME_FORMAT has seconds, MOMENT_FORMAT and EXACT_MOMENT_FORMAT have no year, CLOCK_FORMAT has the time alone.
Every language writes them all.
"""
