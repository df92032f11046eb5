"""What people do with finished clips: play, find, compare, keep, take away, go on from."""
