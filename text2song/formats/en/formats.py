"""Dates and times in English."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
TIME_FORMAT = "H:i"
EXACT_DATETIME_FORMAT = "j M Y, H:i:s"
MOMENT_FORMAT = "j M, H:i"
EXACT_MOMENT_FORMAT = "j M, H:i:s"
CLOCK_FORMAT = "H:i:s"
