"""The PostgreSQL side: migrations, the one transaction of a branch, the rows it writes and the ledger.

Every function takes an open psycopg (version 3) connection and opens none, so that a task and the command line share
it. A function that is called outside a transaction makes one of its own; inside one it joins it.
"""
