"""What other parts of the studio can react to."""

from __future__ import annotations

from django.dispatch import Signal

samples_leaving = Signal()
"""Sent in the same transaction before `samples_deleted`, where a deletion can be undone; `samples` as there.

A receiver returns the list of rows it is going to remove, those that others refer to first.
"""

samples_deleted = Signal()
"""Sent inside the transaction that hides or removes samples, before it does; `samples` is the queryset of them.

Whoever stores something about samples removes it then, so that all of it goes or none.
"""
