"""The organizer's zone: making a challenge of data that stays where it is, and publishing its public half."""
