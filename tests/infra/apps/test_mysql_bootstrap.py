"""What the bootstrap asks of MySQL."""

from typing import Any

from infra.apps.bootstrap import mysql


def test_the_mysql_user_owns_its_databases_and_nothing_else() -> None:
    granted = [one for one in mysql.statements("kubeflow", ("mlpipeline", "cachedb")) if one.startswith("GRANT")]
    assert [one.partition(" ON ")[2].partition(" TO ")[0] for one in granted] == ["`mlpipeline`.*", "`cachedb`.*"]
    assert not [one for one in granted if "ALL" in one or "GRANT OPTION" in one]


def test_the_mysql_user_signs_in_by_the_method_that_the_metadata_store_knows() -> None:
    users = [one for one in mysql.statements("kubeflow", ()) if "USER" in one]
    assert len(users) == 2
    assert all("IDENTIFIED WITH mysql_native_password BY %s" in one for one in users)


def test_the_password_is_a_parameter_of_every_mysql_statement_that_needs_it() -> None:
    sent: list[tuple[str, Any]] = []

    class Cursor:
        def __enter__(self) -> "Cursor":
            return self

        def __exit__(self, *_: object) -> None: ...

        def cursor(self) -> "Cursor":
            return self

        def execute(self, statement: str, values: Any) -> None:
            sent.append((statement, list(values)))

    mysql.make(Cursor, "kubeflow", ("mlpipeline",), "the password")
    assert not [statement for statement, _ in sent if "the password" in statement]
    assert [values for _, values in sent if values] == [["the password"], ["the password"]]
