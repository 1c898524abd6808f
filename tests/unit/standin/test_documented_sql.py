"""Every example of the document gets the answer that stands below it."""

from __future__ import annotations

import pytest

from dev.oracle_standin.duckdb_backend import DuckDBSession
from tests.unit.standin.asking import ask, refused
from tests.unit.standin.documented import Example, examples, shown

_EXAMPLES = list(examples())


def test_the_document_is_read_whole() -> None:
    assert len(_EXAMPLES) > 140
    assert {"Null and the empty text", "What Oracle refuses"} <= {example.section for example in _EXAMPLES}


@pytest.mark.parametrize("example", _EXAMPLES, ids=[f"{e.section[:20]}: {e.sql[:60]}" for e in _EXAMPLES])
def test_an_example_gets_its_answer(reader: DuckDBSession, example: Example) -> None:
    if example.error:
        error = refused(reader, example.sql)
        assert f"ORA-{error.code:05d}" == example.error
    else:
        assert shown(ask(reader, example.sql)) == example.answer
