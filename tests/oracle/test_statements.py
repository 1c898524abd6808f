"""What is read from a statement's text: its kind and its binds."""

from __future__ import annotations

import pytest

from dev.oracle_standin.statements import Kind, read_statement


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select 1 from dual", Kind.QUERY),
        ("  -- a comment with update in it\n /* and delete */ ((SeLeCt 1 from dual))", Kind.QUERY),
        ("WITH a AS (SELECT 1 FROM dual) SELECT * FROM a", Kind.QUERY),
        ("insert into t values (1)", Kind.DML),
        ("merge into t using u on (1=1) when matched then delete", Kind.DML),
        ("begin null; end;", Kind.PLSQL),
        ("declare x number; begin null; end;", Kind.PLSQL),
        ("call p()", Kind.PLSQL),
        ("create table t (a number)", Kind.DDL),
        ("set transaction read only", Kind.OTHER),
        ("commit", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_the_kind_is_that_of_the_first_keyword(sql: str, kind: Kind) -> None:
    assert read_statement(sql).kind is kind


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select :a, :B, :a from dual", ("A", "B", "A")),
        ("select :1, :2, :1 from dual", ("1", "2", "1")),
        ('select :"Mixed Case", : spaced, :x_1$# from dual', ("Mixed Case", "SPACED", "X_1$#")),
        ("select ':a', 'it''s :b', \":c\" from dual where x = :d", ("D",)),
        ("select q'[:a ' :b]', nq'!:c!', Q'(:d)' from dual where x = :e", ("E",)),
        ("select n':a' from dual -- :b\nwhere x = /* :c */ :d", ("D",)),
        ("select json_object('k' : 1, 'l':v) from dual where x=:a", ("A",)),
        ("select * from t where a=:a and b like:b||'%'", ("A", "B")),
        ("begin x(:a, :b, :a); y := 2; end;", ("A", "B")),
        ("create trigger t after insert on u begin :new.a := 1; end;", ()),
        ("select * from t where d > to_date('10:30:00', 'hh24:mi:ss') and e = :e", ("E",)),
        ("select :กขค from dual", ("กขค",)),
    ],
)
def test_binds_are_found_and_nothing_else(sql: str, names: tuple[str, ...]) -> None:
    assert read_statement(sql).bind_names == names


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("begin :a := :b; end;", {"A"}),
        ("begin :a := f(:b); select x, y into :c, :d from t where z = :e; end;", {"A", "C", "D"}),
        ("begin insert into t values (:a); end;", set()),
        ("update t set a = :a returning b, c into :b, :c", {"B", "C"}),
        ("insert into t (a) select :a from dual", set()),
        ("select a into_b from t where x = :a", set()),
    ],
)
def test_binds_that_would_be_written_to_are_known(sql: str, names: set[str]) -> None:
    assert read_statement(sql).out_names == names


@pytest.mark.parametrize("sql", ["select 'open", "select q'[open", "/* open", 'select "open', "select :", ":="])
def test_a_text_that_breaks_off_is_read_all_the_same(sql: str) -> None:
    assert read_statement(sql).bind_names == ()
