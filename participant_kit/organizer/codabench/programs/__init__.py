"""Programs that an exported bundle carries to Codabench's workers, which have no participant-kit."""
