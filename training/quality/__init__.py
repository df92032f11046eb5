"""What a better-liked adapter must not have paid for its votes with, measured on the clips of a blind test."""
