"""The big-meter sync: every behaviour of the two DAGs, the command line and the reports."""
