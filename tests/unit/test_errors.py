"""The error tree."""

from __future__ import annotations

import pytest

from seaway import errors


def test_every_code_has_one_class_and_is_drawn_in_the_docstring() -> None:
    assert [errors.from_code(code, "x").code for code in range(1, 17)] == list(range(1, 17))
    for code in range(1, 17):
        error = type(errors.from_code(code, "x"))
        assert f"{error.__name__:<27}" in (errors.__doc__ or "")
        assert error.name == errors.code_name(code)


def test_code_that_nobody_knows_becomes_unknown_and_says_so() -> None:
    error = errors.from_code(99, "odd")

    assert isinstance(error, errors.Unknown)
    assert error.message == "odd (status code 99 is not one of 0..16)"
    assert errors.code_name(99) == "UNKNOWN"


def test_success_is_no_error() -> None:
    with pytest.raises(ValueError, match="code 0 is OK"):
        errors.from_code(0, "fine")
    assert errors.code_name(0) == "OK"
