"""What other parts of the studio can react to."""

from __future__ import annotations

from django.dispatch import Signal

samples_deleted = Signal()
"""Sent inside the transaction that hides or removes samples, before it does; `samples` is the queryset of them.

Whoever stores something about samples removes it then, so that all of it goes or none.
"""
