"""A test double of an Oracle Database: a server that speaks Oracle's wire protocol to the real driver.

Where to look, from the outside in:

===================  ==========================================================================================
``server``           the listening socket; ``running_server`` for tests
``control``          a second port through which another process sets faults and reads counters
``connection``       one client's session in the event loop: requests, breaks; ``surroundings`` is what all share
``handshake``        from the first packet to the login
``line``             a client's packets in and out, and how its line ends
``session``          what a request does, in the session's own thread: execute, fetch, commit
``faults``           what goes wrong on demand, and its text form
``interludes``       changes of the data between one execute and the next
``counters``         what the server has done
``packets``          headers, and messages cut to the agreed size
``primitives``       counted integers and byte strings: what every message is made of
``negotiation``      the messages before login
``login``            the messages and the keys of the 12c verifier
``requests``         what the driver asks for
``statements``       the kind and the binds of a statement
``bind_values``      the values of binds
``cursors``          the open cursors of a session
``replies``          descriptions of columns, the end of a call, errors
``row_encoding``     rows to bytes
``oracle_number``    NUMBER as Oracle stores it; ``oracle_date``, ``oracle_float`` likewise
``ora_messages``     the wording of errors that tests ask for by number
``backend``          what the server asks of the database behind it; ``values``, ``catalogue`` are its types
``duckdb_backend``   the database that is shipped, with Oracle's SQL read by ``dialect``: a session's statements and
                     transactions; ``duckdb_store`` what the sessions share, ``duckdb_rows`` their results,
                     ``duckdb_errors`` DuckDB's errors in Oracle's words, ``row_locks`` who holds which row
``SQL.md``           the SQL that is answered, with examples that the tests run
===================  ==========================================================================================
"""
