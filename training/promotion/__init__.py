"""Promotion: an adapter becomes its base model's default by a blind test."""
