"""A test double of an Oracle Database: a server that speaks Oracle's wire protocol to the real driver."""
