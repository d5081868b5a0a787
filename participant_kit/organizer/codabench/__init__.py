"""Codabench bundles, in both directions: what their keys mean here, and what ours mean there."""
