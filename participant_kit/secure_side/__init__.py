"""The runner in its two roles: claim, rehearse or run, score, release. Linux only, and never without a sandbox."""
