"""Codabench servers as targets: the same nouns and verbs as a gateway's, through Codabench's public REST API."""
