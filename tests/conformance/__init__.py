"""Official suites, run as a black box and compared with the scores of the day before."""
