"""A studio whose rounds are small: every process of it is started with `training.rounds.tests.small.settings`."""
