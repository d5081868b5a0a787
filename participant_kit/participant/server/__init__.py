"""The Jupyter Server extension: what the page beside the notebook asks for, with the token kept on this side."""
