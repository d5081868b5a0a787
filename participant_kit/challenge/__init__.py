"""What a challenge is: its card, its codebook, its folder, its metrics. Runs everywhere; imports no other zone."""
