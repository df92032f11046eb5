"""The statistics of listening tests: plain Python and numpy, nothing of Django.

Votes come in as frozen dataclasses or counts, results go out as frozen dataclasses; nothing here reads a database or a
clock, and whatever is random takes a seed. scipy is imported where it is called, because loading it costs a web process
about a second.

    pooling         strengths from votes that are alike by rater and prompt, and the evidence that one arm is better
    win_rate        wins, losses and ties of two arms: rate, interval, p-value, votes still needed, what may be claimed
    mean_difference do two groups of clips differ in their mean rating?
    position_bias   does a rater prefer the clip shown first?
    agreement       Krippendorff's alpha, pair agreement
    bradley_terry   the order of all arms, with intervals
    reliability     how much a rater's votes should weigh
    assignment      which pair a rater should judge next
"""
