"""Running one notebook inside a sandbox. Used on the secure side and by a participant's rehearsal."""
