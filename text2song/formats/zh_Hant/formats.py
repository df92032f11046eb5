"""Dates and times in Traditional Chinese."""

DATE_FORMAT = "Y年n月j日"
DATETIME_FORMAT = "Y年n月j日 H:i"
TIME_FORMAT = "H:i"
EXACT_DATETIME_FORMAT = "Y年n月j日 H:i:s"
MOMENT_FORMAT = "n月j日 H:i"
EXACT_MOMENT_FORMAT = "n月j日 H:i:s"
CLOCK_FORMAT = "H:i:s"
