"""Frozen, validated settings: the base of everything a user configures, whose faults are one line each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema

from slicefast.errors import MISSING, ScenarioError
from slicefast.field_texts import field_texts, summary

#: The upper limits of these only keep what follows from a value finite.
Positive = Annotated[float, Field(gt=0.0, le=1e12)]
NotNegative = Annotated[float, Field(ge=0.0, le=1e12)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def _absolute(name: str) -> str:
    if not os.path.isfile(name):  # a device has no end
        raise ScenarioError("", name, "no such file")
    return os.path.abspath(name)


#: The name of a file that is read: the file that it named when it was given, wherever the program goes afterwards.
InputFile = Annotated[str, AfterValidator(_absolute)]


def join_field(*parts: str | int) -> str:
    """Write a path such as ``("slices", 1, "rate_bps")`` as ``slices[1].rate_bps``."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part:
            text += f".{part}" if text else part
    return text


def _allowed(detail: dict[str, Any], model: type[BaseModel]) -> str:
    """Turn pydantic's wording for one fault into what is allowed."""
    if detail["type"] == "extra_forbidden":
        return f"unknown field; allowed: {', '.join(model.model_fields)}"
    if detail["type"] == "missing":
        return "is required"
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return message.replace("should be", "must be", 1).replace("should have", "must have", 1)


def _first_problem(error: ValidationError, model: type[BaseModel]) -> ScenarioError:
    """Return the first fault of a validation as one line."""
    detail: dict[str, Any] = dict(error.errors()[0])
    # pydantic adds the alternatives of a union to the path, such as "tuple[...]"; they are no fields.
    path = [part for part in detail["loc"] if isinstance(part, int) or part.isidentifier()]
    if detail["type"] == "union_tag_invalid":
        context = detail["ctx"]
        return ScenarioError(join_field(*path, "kind"), context["tag"], f"must be one of {context['expected_tags']}")
    if detail["type"] == "union_tag_not_found":
        return ScenarioError(join_field(*path, "kind"), MISSING, "is required")
    if isinstance(detail["input"], dict) and path and detail["input"].get("kind") == path[-1]:
        path.pop()
    inner = detail.get("ctx", {}).get("error")
    if isinstance(inner, ScenarioError):
        return ScenarioError(join_field(*path, inner.field), inner.value, inner.problem)
    value = MISSING if detail["type"] == "missing" else detail["input"]
    return ScenarioError(join_field(*path), value, _allowed(detail, model))


class Settings(BaseModel):
    """Frozen, closed model; a `ScenarioError` names the first fault in one line."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _of_their_kinds(cls, fields: Any) -> Any:
        """Refuse what pydantic would turn into a number or text: True into 1, b"x" into "x"."""
        for name, value in fields.items() if isinstance(fields, dict) else ():
            wanted = cls.model_fields[name].annotation if name in cls.model_fields else None
            if (isinstance(value, bool) and wanted in (int, float)) or isinstance(value, bytes | np.ndarray):
                raise ScenarioError(name, value, "must be a plain number, text or list")
            if isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
                raise ScenarioError(name, value, "must be text that files can hold: no zero, no half characters")
        return fields

    def __init__(self, /, **data: Any) -> None:
        # pydantic calls this for nested models too, so an inner ScenarioError arrives here wrapped and gets its path.
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise _first_problem(error, type(self)) from None

    def __setattr__(self, name: str, value: object) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError:
            raise ScenarioError(name, value, "is fixed; what is to differ is said where it is made") from None

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # Descriptions are those of the docstring.
        schema = handler(core_schema)
        own = handler.resolve_ref_schema(schema)
        own["description"] = summary(cls)
        texts = field_texts(cls)
        for name, field in own.get("properties", {}).items():
            if name in texts:
                field["description"] = texts[name]
        return schema

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Return the settings of a mapping, such as a JSON document; see pydantic for the options.

        Raises
        ------
        ScenarioError
            A field does not exist or its value is not allowed.
        """
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise _first_problem(error, cls) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other fields, validated; what was computed from the old fields stays behind.

        Parameters
        ----------
        update : mapping, optional
            Fields to replace, each as a whole.
        deep : bool
            Accepted for pydantic's sake: what is frozen needs no deep copy.

        Raises
        ------
        ScenarioError
            A field does not exist or its value is not allowed.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**fields, **(update or {})})
