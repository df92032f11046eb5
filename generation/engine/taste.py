"""A taste at work, as the engine's neighbours know it; it is numpy alone, so it lives where torch is not needed."""

from generation.sound.taste import EXTREME, FORMAT, Scores, TasteHeads, join_all, preference

__all__ = ["EXTREME", "FORMAT", "Scores", "TasteHeads", "join_all", "preference"]
