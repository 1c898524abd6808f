"""The Oracle side: the users' query templates, the columns they return, and one consistent reading of a branch."""
