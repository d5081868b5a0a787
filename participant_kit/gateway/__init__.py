"""The gateway: stores sealed notebooks, hands them to runners, shows signed scores. Not trusted with more."""
