#!/bin/bash
# Healthy when the reading user can read: its grants are the last step of the load. The image's own check says yes as
# soon as the server is open, long before that.
set -u
sqlplus -s -L /nolog <<SQL | grep -q '^ *1$'
WHENEVER SQLERROR EXIT FAILURE
WHENEVER OSERROR EXIT FAILURE
SET HEADING OFF FEEDBACK OFF
CONNECT BIGMETER_RO/"${BIGMETER_RO_PASSWORD}"@//localhost:1521/FREEPDB1
SELECT 1 FROM (SELECT DISTINCT 1 AS ready FROM ALL_TABLES WHERE OWNER = 'PWACIS');
EXIT SUCCESS
SQL
