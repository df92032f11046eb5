"""What `manage.py doctor` says: each part of a studio examined by itself, what is wrong and how to mend it.

A part that is broken, or does not answer, never hides another: see `examination.py`. One module a subject; a module's
functions yield `Finding`s and change nothing that stays.
"""
