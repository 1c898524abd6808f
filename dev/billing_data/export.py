"""The same data for a real Oracle Database: DDL, a CSV file per table, and two ways to load them.

The directory can be the init directory of a container image of Oracle Database Free: such an image runs the one shell
script there, and leaves the rest (no ``.sql`` among it) alone. For a server whose files one cannot reach there is a
SQL*Loader control file per table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dev.billing_data.schema import INDEXES, OWNER, TABLES, create_index, create_table, oracle_type
from dev.oracle_standin.catalogue import Table
from dev.oracle_standin.values import Column, OracleType

if TYPE_CHECKING:
    import duckdb

READER: Final = "BIGMETER_RO"
SCRIPT: Final = "01_load_pwacis.sh"
FOLDER: Final = "pwacis"

_DIRECTORY: Final = "BIGMETER_EXPORT"
_NUMBER_WIDTH: Final = 45  # 38 digits, a sign, a point and some room
_DATE_MASK: Final = "YYYY-MM-DD"
_TIMESTAMP_MASK: Final = "YYYY-MM-DD HH24:MI:SS.FF6"

_LOAD_SCRIPT: Final = f"""\
#!/bin/bash
# Creates schema {OWNER} with its data and the reading user {READER} in the pluggable database that ORACLE_DATABASE
# names (its first; without it FREEPDB1). Needs BIGMETER_RO_PASSWORD, the reading user's password. Runs as the
# operating-system user of the database, as the init scripts of a container do.
(
    set -euo pipefail
    here="$(cd -- "$(dirname -- "${{BASH_SOURCE[0]}}")" && pwd -P)/{FOLDER}"
    database="${{ORACLE_DATABASE:-FREEPDB1}}"
    password="${{BIGMETER_RO_PASSWORD:?set it to the password that user {READER} shall have}}"
    if [[ "$password" == *'"'* || "$password" == *"&"* || "$password" == *$'\\n'* ]]; then
        echo "BIGMETER_RO_PASSWORD: no quotation mark, no ampersand and no line break, please" >&2
        exit 1
    fi
    sqlplus -s -L / as sysdba <<SQL
WHENEVER OSERROR EXIT FAILURE ROLLBACK
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
ALTER SESSION SET CONTAINER = ${{database%%,*}};
CREATE USER {OWNER} NO AUTHENTICATION DEFAULT TABLESPACE USERS QUOTA UNLIMITED ON USERS;
CREATE USER {READER} IDENTIFIED BY "$password";
GRANT CREATE SESSION TO {READER};
CREATE OR REPLACE DIRECTORY {_DIRECTORY} AS '$here';
ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,';
@"$here/tables.ddl"
@"$here/load.ddl"
@"$here/indexes.ddl"
@"$here/grants.ddl"
DROP DIRECTORY {_DIRECTORY};
EXIT SUCCESS
SQL
)
"""


def export(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Write the generated data for a real Oracle Database; the same data gives the same bytes.

    :param connection: a database that ``generate`` has filled.
    :param directory: made if it is missing.
    :raises FileExistsError: if the directory has something in it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty")
    folder = directory / FOLDER
    folder.mkdir()
    script = directory / SCRIPT
    script.write_text(_LOAD_SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    _write(folder / "tables.ddl", [create_table(table) for table in TABLES])
    _write(folder / "load.ddl", [load_from_file(table) for table in TABLES], after_each="COMMIT")
    _write(
        folder / "indexes.ddl",
        [
            *(create_index(name, table, columns) for name, table, columns in INDEXES),
            f"CALL DBMS_STATS.GATHER_SCHEMA_STATS('{OWNER}')",
        ],
    )
    _write(folder / "grants.ddl", [f"GRANT SELECT ON {OWNER}.{table.name} TO {READER}" for table in TABLES])
    for table in TABLES:
        (folder / f"{table.name}.ctl").write_text(loader_control(table), encoding="utf-8")
        _write_rows(connection, table, folder / f"{table.name}.csv")


def load_from_file(table: Table) -> str:
    """Return the INSERT that reads a table's CSV file on the server, through an external table of its own."""
    names = ", ".join(column.name for column in table.columns)
    declared = ", ".join(f"{column.name} {oracle_type(column)}" for column in table.columns)
    fields = ",\n      ".join(f"{column.name} {_external_field(column)}" for column in table.columns)
    return f"""\
INSERT /*+ APPEND */ INTO {table.owner}.{table.name} ({names})
SELECT {names} FROM EXTERNAL (
  ({declared})
  TYPE ORACLE_LOADER
  DEFAULT DIRECTORY {_DIRECTORY}
  ACCESS PARAMETERS (
    RECORDS DELIMITED BY NEWLINE CHARACTERSET AL32UTF8 STRING SIZES ARE IN CHARACTERS
    NOBADFILE NODISCARDFILE NOLOGFILE
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' NOTRIM
    MISSING FIELD VALUES ARE NULL (
      {fields}
    )
  )
  LOCATION ('{table.name}.csv')
  REJECT LIMIT 0
)"""


def loader_control(table: Table) -> str:
    """Return the SQL*Loader control file of a table: ``sqlldr user@service control=TABLE.ctl``."""
    fields = ",\n".join(f"  {column.name} {_loader_field(column)}" for column in table.columns)
    return f"""\
LOAD DATA
CHARACTERSET AL32UTF8 LENGTH SEMANTICS CHAR
INFILE '{table.name}.csv'
APPEND
PRESERVE BLANKS
INTO TABLE {table.owner}.{table.name}
FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"'
TRAILING NULLCOLS (
{fields}
)
"""


def _external_field(column: Column) -> str:
    match column.type:
        case OracleType.NUMBER:
            return f"CHAR({_NUMBER_WIDTH})"
        case OracleType.DATE:
            return f'CHAR(10) DATE_FORMAT DATE MASK "{_DATE_MASK}"'
        case OracleType.TIMESTAMP:
            return f'CHAR(26) DATE_FORMAT TIMESTAMP MASK "{_TIMESTAMP_MASK}"'
        case _:
            return f"CHAR({column.size})"


def _loader_field(column: Column) -> str:
    match column.type:
        case OracleType.NUMBER:
            return f"CHAR({_NUMBER_WIDTH})"
        case OracleType.DATE:
            return f'DATE "{_DATE_MASK}"'
        case OracleType.TIMESTAMP:
            return f'TIMESTAMP "{_TIMESTAMP_MASK}"'
        case _:
            return f"CHAR({column.size})"


def _write(path: Path, statements: list[str], after_each: str | None = None) -> None:
    lines = []
    for statement in statements:
        lines.append(f"{statement};\n")
        if after_each is not None:
            lines.append(f"{after_each};\n")
    path.write_text("".join(lines), encoding="utf-8")


def _write_rows(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    values = ", ".join(_as_text(column) for column in table.columns)
    quoted = ", ".join(
        f'"{column.name}"' for column in table.columns if column.type in (OracleType.VARCHAR2, OracleType.CHAR)
    )
    options = "FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', NULLSTR ''"
    if quoted:
        options += f", FORCE_QUOTE ({quoted})"
    target = str(path).replace("'", "''")
    # In the order of insertion, which DuckDB keeps: by branch, month and customer.
    connection.execute(f'COPY (SELECT {values} FROM "{table.owner}"."{table.name}") TO \'{target}\' ({options})')


def _as_text(column: Column) -> str:
    name = f'"{column.name}"'
    match column.type:
        case OracleType.NUMBER:
            text = f"CAST({name} AS VARCHAR)"
            plain = f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
            return f"{plain} AS {name}"
        case OracleType.DATE:
            return f"strftime({name}, '%Y-%m-%d') AS {name}"
        case OracleType.TIMESTAMP:
            return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f') AS {name}"
        case _:
            return name
